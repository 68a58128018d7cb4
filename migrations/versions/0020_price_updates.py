"""many prices at once: files of prices, and what became of each row"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
STATUSES = "'reading', 'previewed', 'applying', 'applied', 'undoing', 'undone', 'failed'"
OUTCOMES = (
    "'refused', 'unchanged', 'waiting', 'changed', 'changed_since_preview', 'gone', 'undone', "
    "'changed_since_update'"
)


def upgrade() -> None:
    op.create_table(
        "price_updates",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("url", sa.String(length=2000), nullable=True),
        sa.Column("is_preview", sa.Boolean(), nullable=False),
        sa.Column("named_by", sa.String(length=4), nullable=True),
        sa.Column("failure", sa.String(length=500), nullable=True),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("job_id", ID, nullable=True),
        sa.Column("applied_at", INSTANT, nullable=True),
        sa.Column("undone_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint(f"status IN ({STATUSES})", name=op.f("ck_price_updates_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_updates")),
    )
    op.create_index("ix_price_updates_updated_at", "price_updates", ["updated_at"])
    op.create_table(
        "price_update_rows",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("update_id", ID, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("named", sa.String(length=64), nullable=False),
        sa.Column("book_id", ID, nullable=True),
        sa.Column("old_price", ID, nullable=True),
        sa.Column("new_price", ID, nullable=True),
        sa.Column("outcome", sa.String(length=21), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.CheckConstraint(f"outcome IN ({OUTCOMES})", name=op.f("ck_price_update_rows_outcome")),
        sa.ForeignKeyConstraint(
            ["update_id"],
            ["price_updates.id"],
            name=op.f("fk_price_update_rows_update_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_update_rows")),
        sa.UniqueConstraint("update_id", "row", name=op.f("uq_price_update_rows_update_id_row")),
    )
    op.create_index(
        "ix_price_update_rows_outcome", "price_update_rows", ["update_id", "outcome", "row"]
    )


def downgrade() -> None:
    op.drop_table("price_update_rows")
    op.drop_table("price_updates")
