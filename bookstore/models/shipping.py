"""Ways to send an order: which countries they go to, what they cost, how long they take."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

KINDS = ("flat", "weight")


class Days(NamedTuple):
    """Working days until a parcel arrives, at the least and at the most."""

    min: int
    max: int


class ShippingMethod(Model):
    """A way to send an order to some countries (or, naming none, to all the others).

    Several rows may have one ``code``: one for each zone, with its own price. ``price`` is for the
    order (flat), or for its first kilogram (weight; ``price_per_kg`` for each one begun after it).
    Amounts are in minor units of the shop's currency.
    """

    __tablename__ = "shipping_methods"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(String(50), index=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(10), default="flat")
    price: Mapped[int] = mapped_column(BigId)
    price_per_kg: Mapped[int] = mapped_column(BigId, default=0)
    # From this subtotal on (after discounts) it costs nothing; None: it always costs.
    free_over: Mapped[int | None] = mapped_column(BigId)
    # Working days until it arrives.
    days_min: Mapped[int] = mapped_column(default=2)
    days_max: Mapped[int] = mapped_column(default=5)
    position: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    zones: Mapped[list["ShippingZone"]] = relationship(
        back_populates="method",
        cascade="all, delete-orphan",
        order_by="ShippingZone.country",
        lazy="selectin",
    )

    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint("price >= 0 AND price_per_kg >= 0", name="price"),
        CheckConstraint("free_over IS NULL OR free_over >= 0", name="free_over"),
        CheckConstraint("days_min >= 0 AND days_max >= days_min", name="days"),
    )

    @property
    def countries(self) -> list[str]:
        """Two-letter codes; empty: everywhere that no other row of this code names."""
        return [zone.country for zone in self.zones if zone.country]

    @property
    def days(self) -> Days:
        """Working days until it arrives."""
        return Days(self.days_min, self.days_max)

    def __repr__(self) -> str:
        where = ",".join(self.countries) or "elsewhere"
        return f"<ShippingMethod {self.id} {self.code} to {where} {self.price}>"


class ShippingZone(Model):
    """A country that a method's row is for; ``''`` stands for every other one.

    A code goes to a country by one row only, and the database says so.
    """

    __tablename__ = "shipping_zones"

    method_id: Mapped[int] = mapped_column(
        ForeignKey("shipping_methods.id", ondelete="CASCADE"), primary_key=True
    )
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    code: Mapped[str] = mapped_column(String(50))

    method: Mapped[ShippingMethod] = relationship(back_populates="zones")

    __table_args__ = (UniqueConstraint("code", "country"),)

    def __repr__(self) -> str:
        return f"<ShippingZone {self.code} {self.country or 'elsewhere'}>"
