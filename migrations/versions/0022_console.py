"""what the staff console looks for has an index; a change of stock by hand says why"""

import sqlalchemy as sa
from alembic import op

from bookstore.models.migrating import create_index, drop_index, is_sqlite

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LOW = sa.text("stock <= 5")
STAFF = sa.text("is_staff")
FAILED = sa.text("status = 'failed'")
# What a name begins with: an index in a language's order is of no use for that. SQLite's own are
# in the order of the code points.
BEGINNINGS = ("username_key", "email_key")


def upgrade() -> None:
    create_index(
        op,
        "ix_books_low_stock",
        "books",
        ["stock", "id"],
        postgresql_where=LOW,
        sqlite_where=LOW,
    )
    create_index(op, "ix_users_staff", "users", ["id"], postgresql_where=STAFF, sqlite_where=STAFF)
    create_index(
        op,
        "ix_webhook_deliveries_failed",
        "webhook_deliveries",
        ["endpoint_id", "id"],
        postgresql_where=FAILED,
        sqlite_where=FAILED,
    )
    create_index(op, "ix_audit_entries_at", "audit_entries", ["at"])
    if not is_sqlite(op):
        for key in BEGINNINGS:
            by_code_point = [sa.text(f'{key} COLLATE "C"'), "id"]
            create_index(op, f"ix_hand_users_{key}", "users", by_code_point)
    note = sa.Column("note", sa.String(length=200), server_default="", nullable=False)
    op.add_column("stock_movements", note)


def downgrade() -> None:
    if not is_sqlite(op):
        for key in BEGINNINGS:
            drop_index(op, f"ix_hand_users_{key}", "users")
    drop_index(op, "ix_audit_entries_at", "audit_entries")
    drop_index(op, "ix_webhook_deliveries_failed", "webhook_deliveries")
    drop_index(op, "ix_users_staff", "users")
    drop_index(op, "ix_books_low_stock", "books")
    op.drop_column("stock_movements", "note")
