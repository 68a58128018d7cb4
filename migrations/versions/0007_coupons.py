"""coupons, on carts and used by orders"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coupons",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "min_subtotal", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("usage_limit", sa.Integer(), nullable=True),
        sa.Column("per_user_limit", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("stackable", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("restricted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'percent' AND value BETWEEN 1 AND 100000)"
            " OR (kind = 'fixed' AND value >= 1) OR (kind = 'free_shipping' AND value = 0)",
            name=op.f("ck_coupons_value"),
        ),
        sa.CheckConstraint(
            "kind IN ('percent', 'fixed', 'free_shipping')", name=op.f("ck_coupons_kind")
        ),
        sa.CheckConstraint("min_subtotal >= 0", name=op.f("ck_coupons_min_subtotal")),
        sa.CheckConstraint(
            "per_user_limit IS NULL OR per_user_limit >= 1", name=op.f("ck_coupons_per_user_limit")
        ),
        sa.CheckConstraint(
            "usage_limit IS NULL OR usage_limit >= 1", name=op.f("ck_coupons_usage_limit")
        ),
        sa.CheckConstraint("used >= 0", name=op.f("ck_coupons_used")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("code", name=op.f("uq_coupons_code")),
    )
    op.create_table(
        "coupon_categories",
        sa.Column(
            "coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "category_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["categories.id"],
            name=op.f("fk_coupon_categories_category_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id"],
            ["coupons.id"],
            name=op.f("fk_coupon_categories_coupon_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("coupon_id", "category_id", name=op.f("pk_coupon_categories")),
    )
    with op.batch_alter_table("coupon_categories", schema=None) as batch_op:
        batch_op.create_index("ix_coupon_categories_category_id", ["category_id"], unique=False)
    op.create_table(
        "cart_coupons",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cart_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["cart_id"],
            ["shopping_carts.id"],
            name=op.f("fk_cart_coupons_cart_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id"],
            ["coupons.id"],
            name=op.f("fk_cart_coupons_coupon_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart_coupons")),
        sa.UniqueConstraint("cart_id", "coupon_id", name=op.f("uq_cart_coupons_cart_id_coupon_id")),
    )
    with op.batch_alter_table("cart_coupons", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cart_coupons_coupon_id"), ["coupon_id"], unique=False)
    op.create_table(
        "coupon_books",
        sa.Column(
            "coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("book_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_coupon_books_book_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["coupon_id"],
            ["coupons.id"],
            name=op.f("fk_coupon_books_coupon_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("coupon_id", "book_id", name=op.f("pk_coupon_books")),
    )
    with op.batch_alter_table("coupon_books", schema=None) as batch_op:
        batch_op.create_index("ix_coupon_books_book_id", ["book_id"], unique=False)
    op.create_table(
        "coupon_redemptions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "coupon_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_coupon_redemptions_amount")),
        sa.ForeignKeyConstraint(
            ["coupon_id"],
            ["coupons.id"],
            name=op.f("fk_coupon_redemptions_coupon_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
            name=op.f("fk_coupon_redemptions_order_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_coupon_redemptions_user_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupon_redemptions")),
        sa.UniqueConstraint(
            "coupon_id", "order_id", name=op.f("uq_coupon_redemptions_coupon_id_order_id")
        ),
    )
    with op.batch_alter_table("coupon_redemptions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_coupon_redemptions_coupon_id_user_id", ["coupon_id", "user_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_coupon_redemptions_order_id"), ["order_id"], unique=False
        )
        batch_op.create_index("ix_coupon_redemptions_user_id", ["user_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("coupon_redemptions", schema=None) as batch_op:
        batch_op.drop_index("ix_coupon_redemptions_user_id")
        batch_op.drop_index(batch_op.f("ix_coupon_redemptions_order_id"))
        batch_op.drop_index("ix_coupon_redemptions_coupon_id_user_id")
    op.drop_table("coupon_redemptions")
    with op.batch_alter_table("coupon_books", schema=None) as batch_op:
        batch_op.drop_index("ix_coupon_books_book_id")
    op.drop_table("coupon_books")
    with op.batch_alter_table("cart_coupons", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cart_coupons_coupon_id"))
    op.drop_table("cart_coupons")
    with op.batch_alter_table("coupon_categories", schema=None) as batch_op:
        batch_op.drop_index("ix_coupon_categories_category_id")
    op.drop_table("coupon_categories")
    op.drop_table("coupons")
