"""which books go with which"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "recommendation_fits",
        sa.Column("id", ID, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        *(sa.Column(name, ID, nullable=False) for name in ("readers", "books", "pairs", "ratings")),
        sa.Column("owner", sa.String(length=32), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'current', 'replaced', 'failed')",
            name=op.f("ck_recommendation_fits_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendation_fits")),
        if_not_exists=True,
    )
    for state in ("running", "current"):
        only = sa.text(f"state = '{state}'")
        op.create_index(
            f"uq_recommendation_fits_{state}",
            "recommendation_fits",
            ["state"],
            unique=True,
            postgresql_where=only,
            sqlite_where=only,
            if_not_exists=True,
        )
    op.create_table(
        "book_neighbours",
        sa.Column("fit_id", ID, nullable=False),
        sa.Column("book_id", ID, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("neighbour_id", ID, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.CheckConstraint("rank >= 1", name=op.f("ck_book_neighbours_rank")),
        sa.ForeignKeyConstraint(
            ["fit_id"],
            ["recommendation_fits.id"],
            name=op.f("fk_book_neighbours_fit_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("fit_id", "book_id", "rank", name=op.f("pk_book_neighbours")),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("book_neighbours")
    op.drop_table("recommendation_fits")
