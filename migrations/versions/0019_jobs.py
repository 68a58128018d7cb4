"""work that somebody asked for and may watch"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from bookstore.models.migrating import create_index, drop_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNFINISHED = "status IN ('queued', 'running')"
WAITS = sa.text("next_attempt_at IS NOT NULL")


def upgrade() -> None:
    # One book's days, without all of them.
    create_index(op, "ix_book_days_book_id_day", "book_days", ["book_id", "day"])
    op.create_table(
        "jobs",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("done", ID, nullable=False),
        sa.Column("total", ID, nullable=True),
        sa.Column("state", JSON, nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("files", JSON, nullable=False),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=32), nullable=True),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_jobs_status"),
        ),
        sa.CheckConstraint(
            f"({UNFINISHED}) = (next_attempt_at IS NOT NULL)",
            name=op.f("ck_jobs_next_attempt_at"),
        ),
        sa.CheckConstraint(
            f"({UNFINISHED}) = (finished_at IS NULL)", name=op.f("ck_jobs_finished_at")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_jobs_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_user_id_id", "jobs", ["user_id", "id"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
    op.create_index(
        "ix_jobs_due",
        "jobs",
        ["next_attempt_at"],
        postgresql_where=WAITS,
        sqlite_where=WAITS,
    )


def downgrade() -> None:
    drop_index(op, "ix_book_days_book_id_day", "book_days")
    op.drop_table("jobs")
