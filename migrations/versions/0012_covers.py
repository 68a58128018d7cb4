"""covers that are uploaded, and become a book's"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain, as SQLite can do it: building the table anew would have to copy generated columns.
    op.add_column("books", sa.Column("cover_names", sa.String(length=80), nullable=True))
    op.create_table(
        "cover_uploads",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("book_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=True),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'superseded')",
            name=op.f("ck_cover_uploads_status"),
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_cover_uploads_book_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cover_uploads")),
        sa.UniqueConstraint("key", name=op.f("uq_cover_uploads_key")),
    )
    op.create_index("ix_cover_uploads_book_id_id", "cover_uploads", ["book_id", "id"])
    due = sa.text("next_attempt_at IS NOT NULL")
    op.create_index(
        "ix_cover_uploads_due",
        "cover_uploads",
        ["next_attempt_at"],
        postgresql_where=due,
        sqlite_where=due,
    )


def downgrade() -> None:
    op.drop_table("cover_uploads")
    op.drop_column("books", "cover_names")
