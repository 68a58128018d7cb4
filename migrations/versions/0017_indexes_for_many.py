"""what staff and readers look for in a shop of a million books has an index"""

from alembic import op

from bookstore.models.migrating import create_index, drop_index, is_sqlite

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# A name that holds what was typed: trigrams, as for the words of the search (0004).
NAMES = ("authors", "publishers")


def upgrade() -> None:
    create_index(op, "ix_orders_payment_status_id", "orders", ["payment_status", "id"])
    create_index(op, "ix_book_search_boost_book_id", "book_search", ["boost", "book_id"])
    if not is_sqlite(op):
        for table in NAMES:
            create_index(
                op,
                f"ix_hand_{table}_name_sort",
                table,
                ["name_sort"],
                postgresql_using="gin",
                postgresql_ops={"name_sort": "gin_trgm_ops"},
            )


def downgrade() -> None:
    if not is_sqlite(op):
        for table in NAMES:
            drop_index(op, f"ix_hand_{table}_name_sort", table)
    drop_index(op, "ix_book_search_boost_book_id", "book_search")
    drop_index(op, "ix_orders_payment_status_id", "orders")
