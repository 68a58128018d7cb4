"""what was sold is summed up by day and by book; the best-read are searched by themselves"""

import sqlalchemy as sa
from alembic import op

from bookstore.models.migrating import create_index, drop_index, is_sqlite

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 20_000
SUMMED = ("book_totals", "book_days", "sales_days")
BANDS = {
    840: "boost >= 840",
    760: "boost >= 760 AND boost < 840",
    680: "boost >= 680 AND boost < 760",
    600: "boost >= 600 AND boost < 680",
}


def upgrade() -> None:
    # A big publisher's newest books, without all of them.
    newest = ["publisher_id", "created_at", "id"]
    create_index(op, "ix_books_publisher_id_created_at_id", "books", newest)
    drop_index(op, "ix_books_publisher_id_id", "books")
    create_index(op, "ix_payments_created_at", "payments", ["created_at"])
    create_index(op, "ix_refunds_created_at", "refunds", ["created_at"])
    if not is_sqlite(op):
        for boost, band in BANDS.items():
            create_index(
                op,
                f"ix_hand_book_search_vector_{boost}",
                "book_search",
                ["vector"],
                postgresql_using="gin",
                postgresql_with={"fastupdate": "off"},
                postgresql_where=sa.text(band),
            )
    op.create_table(
        "sales_changes",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="", nullable=False),
        sa.Column("book_id", ID, nullable=True),
        *(number(name, server_default="0") for name in ("orders", "paid", "copies", "amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_changes")),
        if_not_exists=True,
    )
    op.create_table(
        "sales_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        *(number(name) for name in ("orders", "paid", "amount")),
        sa.PrimaryKeyConstraint("day", "currency", "status", name=op.f("pk_sales_days")),
        if_not_exists=True,
    )
    op.create_table(
        "book_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("book_id", ID, nullable=False),
        *(number(name) for name in ("copies", "amount")),
        sa.PrimaryKeyConstraint("day", "currency", "book_id", name=op.f("pk_book_days")),
        if_not_exists=True,
    )
    op.create_table(
        "book_totals",
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("book_id", ID, nullable=False),
        *(number(name) for name in ("copies", "amount")),
        sa.PrimaryKeyConstraint("currency", "book_id", name=op.f("pk_book_totals")),
        if_not_exists=True,
    )
    op.create_index(
        "ix_book_totals_copies", "book_totals", ["currency", "copies"], if_not_exists=True
    )
    if is_sqlite(op):
        fill()
        return
    # Each batch by itself. One that was stopped half-way begins anew: nobody reads or writes these
    # tables before it is done.
    with op.get_context().autocommit_block():
        fill()
        for table in SUMMED:
            op.execute(f"ANALYZE {table}")


def downgrade() -> None:
    if not is_sqlite(op):
        for boost in BANDS:
            drop_index(op, f"ix_hand_book_search_vector_{boost}", "book_search")
    drop_index(op, "ix_refunds_created_at", "refunds")
    drop_index(op, "ix_payments_created_at", "payments")
    create_index(op, "ix_books_publisher_id_id", "books", ["publisher_id", "id"])
    drop_index(op, "ix_books_publisher_id_created_at_id", "books")
    # Last, and with the version: indexes are dropped one by one, and can be once more.
    for table in (*SUMMED, "sales_changes"):
        op.drop_table(table)


def number(name: str, **options: str) -> sa.Column[int]:
    return sa.Column(name, ID, nullable=False, **options)


# -- what was sold before ----------------------------------------------------------------------
# Only read, some orders at a time: nobody waits. What processes of before the migration change
# meanwhile is found by a recount (docs/operations.md).
SUMS = (
    """
    INSERT INTO sales_days (day, currency, status, orders, paid, amount)
    SELECT day, currency, status, sum(orders), sum(paid), sum(amount) FROM (
        SELECT {day} AS day, o.currency, o.status, 1 AS orders, 0 AS paid, 0 AS amount
        FROM orders o WHERE o.id > :low AND o.id <= :high
        UNION ALL
        SELECT {day}, p.currency, '', 0, CASE WHEN p.id = (
            SELECT min(id) FROM payments WHERE order_id = o.id AND currency = p.currency
            AND amount_received > 0
        ) THEN 1 ELSE 0 END, p.amount_received - p.amount_withdrawn
        FROM orders o JOIN payments p ON p.order_id = o.id AND p.amount_received > 0
        WHERE o.id > :low AND o.id <= :high
        UNION ALL
        SELECT {day}, r.currency, '', 0, 0, -r.amount
        FROM orders o JOIN refunds r ON r.order_id = o.id AND r.status = 'succeeded'
        WHERE o.id > :low AND o.id <= :high
    ) AS found WHERE true GROUP BY day, currency, status
    ON CONFLICT (day, currency, status) DO UPDATE SET
        orders = sales_days.orders + excluded.orders,
        paid = sales_days.paid + excluded.paid,
        amount = sales_days.amount + excluded.amount
    """,
    """
    INSERT INTO book_days (day, currency, book_id, copies, amount)
    SELECT {day}, o.currency, i.book_id, sum(i.quantity), sum(i.quantity * i.price)
    FROM orders o JOIN order_items i ON i.order_id = o.id
    WHERE o.id > :low AND o.id <= :high AND o.status <> 'cancelled'
    AND o.payment_status IN ('paid', 'partially_refunded', 'review')
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (day, currency, book_id) DO UPDATE SET
        copies = book_days.copies + excluded.copies, amount = book_days.amount + excluded.amount
    """,
)
TOTALS = """
    INSERT INTO book_totals (currency, book_id, copies, amount)
    SELECT currency, book_id, sum(copies), sum(amount) FROM book_days GROUP BY currency, book_id
"""


def fill() -> None:
    connection = op.get_bind()
    day = "date(o.created_at)" if is_sqlite(op) else "(o.created_at AT TIME ZONE 'UTC')::date"
    for table in SUMMED:
        op.execute(sa.delete(sa.table(table)))
    last = connection.scalar(sa.text("SELECT max(id) FROM orders")) or 0
    for low in range(0, last, BATCH):
        for statement in SUMS:
            connection.execute(
                sa.text(statement.replace("{day}", day)), {"low": low, "high": low + BATCH}
            )
    connection.execute(sa.text(TOTALS))
