"""what became of disputed payments, and notes of an order's history for staff alone"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OLD = "amount_refunded >= 0 AND amount_refunded <= amount_received"
NEW = (
    "amount_refunded >= 0 AND amount_withdrawn >= 0"
    " AND amount_refunded + amount_withdrawn <= amount_received"
)


def upgrade() -> None:
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "amount_withdrawn",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                server_default="0",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("dispute_status", sa.String(length=30), nullable=True))
        batch_op.add_column(sa.Column("last_dispute_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_constraint(op.f("ck_payments_refunded"), type_="check")
        batch_op.create_check_constraint(op.f("ck_payments_refunded"), NEW)
    with op.batch_alter_table("order_events", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("is_internal", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("order_events", schema=None) as batch_op:
        batch_op.drop_column("is_internal")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_payments_refunded"), type_="check")
        batch_op.create_check_constraint(op.f("ck_payments_refunded"), OLD)
        batch_op.drop_column("last_dispute_at")
        batch_op.drop_column("dispute_status")
        batch_op.drop_column("amount_withdrawn")
