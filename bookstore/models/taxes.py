"""Rates of value added or sales tax, by where an order goes and what is in it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

# What books are taxed as unless they say otherwise, and what shipping is.
BOOKS, SHIPPING = "books", "shipping"


class TaxRate(Model):
    """So many thousandths of a percent (5.5 % is 5,500) on one class of goods in one place.

    An empty ``region`` stands for the whole country, an empty ``category`` for every class; the
    most specific row wins, the region first. ``inclusive``: prices already contain the tax.
    """

    __tablename__ = "tax_rates"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    country: Mapped[str] = mapped_column(String(2))
    region: Mapped[str] = mapped_column(String(100), default="")
    category: Mapped[str] = mapped_column(String(40), default="")
    percent: Mapped[int]
    inclusive: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (
        UniqueConstraint("country", "region", "category"),
        CheckConstraint("percent BETWEEN 0 AND 100000", name="percent"),
    )

    def __repr__(self) -> str:
        place = f"{self.country} {self.region}".strip()
        return f"<TaxRate {self.id} {place} {self.category or 'all'} {self.percent / 1000:g} %>"
