"""How orders are sent: methods by country, what they cost, how long they take.

Changing the methods is ``shipping_editing``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, String, and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import ShippingMethod, ShippingZone
from bookstore.models.shipping import Days
from bookstore.prepared import Prepared
from bookstore.services import paging, pricing
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.unit_of_work import execute

STANDARD = "standard"
_WORKING_DAYS = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """The days between which a parcel should arrive, if it were ordered now."""

    min_date: date
    max_date: date


@dataclass(frozen=True, slots=True)
class Option:
    """A way to send a certain order: ``price`` in minor units, ``days`` are working days."""

    code: str
    name: str
    price: int
    days: Days
    delivery: Delivery


def list_methods(
    actor: Acting, page: PageRequest, *, country: str | None = None, everything: bool = False
) -> Page:
    """Return one page of the methods in the shop's order.

    Args:
        actor: anybody.
        page: how many, from where.
        country: only what goes there, one a code.
        everything: also those that are switched off (staff).

    Raises:
        Forbidden: ``everything``, and not staff.
    """
    query = select(ShippingMethod.id, ShippingMethod)
    if everything:
        require_staff(actor)
    else:
        query = query.where(ShippingMethod.is_active)
    if country is not None:
        query = query.where(_goes_to(country))
    order = Order("position", ShippingMethod.position, ShippingMethod.id, False, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    return Page([row[1] for row in found.data], found.next_cursor, found.total)


def get(actor: Acting, method_id: int) -> ShippingMethod:
    """Return a method.

    Raises:
        NotFound: there is none, or it is switched off and this is not staff.
    """
    method = db.session.get(ShippingMethod, method_id)
    if method is None or not (method.is_active or actor.is_staff):
        raise errors.NotFound(f"There is no shipping method {method_id}.")
    return method


def methods_for(session: Session, country: str) -> dict[str, pricing.Shipping]:
    """Return code → terms of what goes to a country, in the shop's order (one statement).

    Without a country (``""``): what goes to those that no row names.
    """
    rows = execute(session, _going_to(), {"country": country})
    return {
        row.code: pricing.Shipping(
            row.code,
            row.name,
            row.price,
            row.kind,
            row.price_per_kg,
            row.free_over,
            Days(row.days_min, row.days_max),
        )
        for row in rows
    }


def chosen(methods: Mapping[str, pricing.Shipping], code: str, country: str) -> pricing.Shipping:
    """Return one of the methods that go to a country.

    Raises:
        Invalid: naming ``shipping_method`` when there is no such method, or it does not go there.
    """
    if code not in methods:
        known = ", ".join(sorted(methods)) or "none"
        where = f" to {country}" if country else ""
        raise errors.Invalid({"shipping_method": [f"Must be one that goes{where}: {known}."]})
    return methods[code]


def options(
    methods: Iterable[pricing.Shipping], quote: pricing.Quote, today: date
) -> tuple[Option, ...]:
    """Return what each method would cost for an order that was priced with one of them.

    ``Option.price`` is what ``Quote.shipping`` would be: after coupons, without tax that is added.
    """
    weight = sum(line.quantity * line.line.weight for line in quote.lines)
    goods = quote.subtotal - quote.discount
    is_free = any(discount.kind == "free_shipping" for discount in quote.discounts)
    return tuple(
        Option(
            method.code,
            method.name,
            0 if is_free else method.cost(weight, goods),
            Days(*method.days),
            Delivery(*(after_working_days(today, days) for days in method.days)),
        )
        for method in methods
    )


def after_working_days(start: date, days: int) -> date:
    """Return the day so many working days (Monday to Friday) later; 0 is the next there is.

    >>> after_working_days(date(2026, 11, 27), 1)  # a Friday
    datetime.date(2026, 11, 30)
    """
    at = start.weekday()
    if at >= _WORKING_DAYS:
        # Sunday counts as the Friday before it; with no day to wait, as the Monday after.
        start += timedelta(days=_WORKING_DAYS - 1 - at if days else 7 - at)
        at = start.weekday()
    weeks, rest = divmod(at + days, _WORKING_DAYS)
    return start + timedelta(days=7 * weeks + rest - at)


@cache
def _going_to() -> Prepared:
    """Return the query of what ``methods_for`` needs, for a ``country``."""
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
    return Prepared(
        select(*columns)
        .where(ShippingMethod.is_active, _goes_to(bindparam("country", type_=String)))
        .order_by(ShippingMethod.position, ShippingMethod.id)
    )


def _goes_to(country: Any) -> ColumnElement[bool]:
    """Return the condition that picks, of each code, the row that is for a country.

    A row that names the country keeps the one for all others from it, even when it is switched
    off: then the code does not go there.
    """
    zone, other = aliased(ShippingZone), aliased(ShippingZone)
    of_method: Any = zone.method_id == ShippingMethod.id
    named = select(other.code).where(other.code == ShippingMethod.code, other.country == country)
    return or_(
        select(zone.code).where(of_method, zone.country == country).exists(),
        and_(select(zone.code).where(of_method, zone.country == "").exists(), ~named.exists()),
    )
