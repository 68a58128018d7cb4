"""kept answers know whose they are, to go with the account"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable and without a default: no row is rewritten. Those of before are gone in a day.
    op.add_column("idempotency_keys", sa.Column("user_id", sa.BigInteger(), nullable=True))
    where = sa.text("user_id IS NOT NULL")
    op.create_index(
        "ix_idempotency_keys_user_id",
        "idempotency_keys",
        ["user_id"],
        postgresql_where=where,
        sqlite_where=where,
    )


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_user_id", "idempotency_keys")
    op.drop_column("idempotency_keys", "user_id")
