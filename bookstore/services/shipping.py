"""How orders are sent: methods by country, what they cost, how long they take."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.models import ShippingMethod, ShippingZone
from bookstore.services import pricing

STANDARD = "standard"


def methods_for(session: Session, country: str) -> dict[str, pricing.Shipping]:
    """Return code → terms of what goes to a country, in the shop's order (one statement).

    A row that names the country goes before one that is for all others.
    """
    columns = (
        ShippingMethod.code,
        ShippingMethod.name,
        ShippingMethod.kind,
        ShippingMethod.price,
        ShippingMethod.price_per_kg,
        ShippingMethod.free_over,
        ShippingMethod.days_min,
        ShippingMethod.days_max,
    )
    rows = session.execute(
        select(*columns)
        .join(ShippingZone, ShippingZone.method_id == ShippingMethod.id)
        .where(ShippingZone.country.in_(["", country]), ShippingMethod.is_active)
        .order_by(ShippingZone.country, ShippingMethod.position, ShippingMethod.id)
    )
    return {
        row.code: pricing.Shipping(
            row.code,
            row.name,
            row.price,
            row.kind,
            row.price_per_kg,
            row.free_over,
            (row.days_min, row.days_max),
        )
        for row in rows
    }


def terms(session: Session, code: str, country: str) -> pricing.Shipping:
    """Return the terms of a method for a country.

    Raises:
        Invalid: naming ``shipping_method`` when there is no such method, or it does not go there.
    """
    methods = methods_for(session, country)
    if code not in methods:
        known = ", ".join(sorted(methods)) or "none"
        where = f" to {country}" if country else ""
        raise errors.Invalid({"shipping_method": [f"Must be one that goes{where}: {known}."]})
    return methods[code]
