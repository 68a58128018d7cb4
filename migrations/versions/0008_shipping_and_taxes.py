"""shipping methods and tax rates, with a set to start from"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Value added tax on books and in general, in thousandths of a percent, as of 2026. A start: the
# staff of a shop know its law better.
VAT = {
    "AT": (10_000, 20_000),
    "BE": (6_000, 21_000),
    "BG": (9_000, 20_000),
    "CY": (3_000, 19_000),
    "CZ": (0, 21_000),
    "DE": (7_000, 19_000),
    "DK": (0, 25_000),
    "EE": (9_000, 24_000),
    "ES": (4_000, 21_000),
    "FI": (13_500, 25_500),
    "FR": (5_500, 20_000),
    "GB": (0, 20_000),
    "GR": (6_000, 24_000),
    "HR": (5_000, 25_000),
    "HU": (5_000, 27_000),
    "IE": (0, 23_000),
    "IT": (4_000, 22_000),
    "LT": (5_000, 21_000),
    "LU": (3_000, 17_000),
    "LV": (5_000, 21_000),
    "MT": (5_000, 18_000),
    "NL": (9_000, 21_000),
    "PL": (5_000, 23_000),
    "PT": (6_000, 23_000),
    "RO": (11_000, 21_000),
    "SE": (6_000, 25_000),
    "SI": (5_000, 22_000),
    "SK": (5_000, 23_000),
}
# Currencies with three decimal places, the third of which has to be 0.
THREE_DECIMAL = ("bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd")
SHIPPING = (
    # code, name, kind, price, price_per_kg, free_over, days_min, days_max
    ("standard", "Standard delivery", "flat", 499, 0, None, 3, 5),
    ("express", "Express delivery", "flat", 1499, 0, None, 1, 2),
    ("economy", "Economy delivery", "weight", 299, 150, 10_000, 7, 14),
)


def upgrade() -> None:
    op.create_table(
        "shipping_methods",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("price", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "price_per_kg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("free_over", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("days_min", sa.Integer(), nullable=False),
        sa.Column("days_max", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('flat', 'weight')", name=op.f("ck_shipping_methods_kind")),
        sa.CheckConstraint(
            "days_min >= 0 AND days_max >= days_min", name=op.f("ck_shipping_methods_days")
        ),
        sa.CheckConstraint(
            "free_over IS NULL OR free_over >= 0", name=op.f("ck_shipping_methods_free_over")
        ),
        sa.CheckConstraint(
            "price >= 0 AND price_per_kg >= 0", name=op.f("ck_shipping_methods_price")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipping_methods")),
    )
    with op.batch_alter_table("shipping_methods", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shipping_methods_code"), ["code"], unique=False)
    op.create_table(
        "tax_rates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("region", sa.String(length=100), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("inclusive", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("percent BETWEEN 0 AND 100000", name=op.f("ck_tax_rates_percent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_rates")),
        sa.UniqueConstraint(
            "country", "region", "category", name=op.f("uq_tax_rates_country_region_category")
        ),
    )
    op.create_table(
        "shipping_zones",
        sa.Column(
            "method_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.ForeignKeyConstraint(
            ["method_id"],
            ["shipping_methods.id"],
            name=op.f("fk_shipping_zones_method_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("method_id", "country", name=op.f("pk_shipping_zones")),
        sa.UniqueConstraint("code", "country", name=op.f("uq_shipping_zones_code_country")),
    )
    with op.batch_alter_table("books", schema=None) as batch_op:
        batch_op.add_column(sa.Column("weight", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("tax_category", sa.String(length=40), server_default="books", nullable=False)
        )
    _insert_defaults()


def downgrade() -> None:
    op.drop_column("books", "tax_category")
    op.drop_column("books", "weight")
    op.drop_table("shipping_zones")
    op.drop_table("tax_rates")
    with op.batch_alter_table("shipping_methods", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shipping_methods_code"))
    op.drop_table("shipping_methods")


def _insert_defaults() -> None:
    now = datetime.now(UTC)
    made = {"version": 1, "created_at": now, "updated_at": now}
    tables = sa.MetaData()
    names = ("shipping_methods", "shipping_zones", "tax_rates")
    tables.reflect(op.get_bind(), only=names)
    methods, zones, rates = (tables.tables[name] for name in names)
    columns = ("code", "name", "kind", "price", "price_per_kg", "free_over", "days_min", "days_max")
    times = 10 if current_app.config["SETTINGS"].currency in THREE_DECIMAL else 1
    for position, values in enumerate(SHIPPING):
        row = dict(zip(columns, values, strict=True))
        for column in ("price", "price_per_kg", "free_over"):
            row[column] = row[column] and row[column] * times
        op.execute(methods.insert().values(position=position, is_active=True, **row, **made))
        which = sa.select(methods.c.id).where(methods.c.code == row["code"]).scalar_subquery()
        op.execute(zones.insert().values(method_id=which, country="", code=row["code"]))
    for country, (books, general) in VAT.items():
        for category, percent in (("books", books), ("", general)):
            row = {"country": country, "region": "", "category": category, "percent": percent}
            op.execute(rates.insert().values(inclusive=True, **row, **made))
