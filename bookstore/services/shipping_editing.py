"""Changing the ways to send orders: staff only, by version.

Orders keep the method's code and what it cost, so nothing here touches an order that was placed.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.models import ShippingMethod, ShippingZone
from bookstore.services.actors import Acting, require_staff
from bookstore.unit_of_work import unit_of_work

ELSEWHERE = ""


def create(actor: Acting, fields: dict[str, Any]) -> ShippingMethod:
    """Make a method and return it.

    Args:
        actor: staff.
        fields: code, name, price (minor units); and, optionally, countries (none: all that no
            other row of the code names), kind, price_per_kg, free_over, days (``min`` and
            ``max``), position, is_active.

    Raises:
        Forbidden: not staff.
        ShippingZoneTaken: another row of the code has one of the countries.
    """
    require_staff(actor)
    values, countries = _columns(fields)
    with unit_of_work() as session:
        method = ShippingMethod(**values)
        _set_zones(session, method, countries or [])
        session.add(method)
        _flush(session)
    return method


def update(
    actor: Acting, method_id: int, changes: dict[str, Any], *, version: int | None
) -> ShippingMethod:
    """Change a method and return it; ``changes`` as in ``create``, only what changes.

    Raises:
        NotFound: there is no such method.
        PreconditionFailed: it no longer has ``version``.
        Forbidden, ShippingZoneTaken: as in ``create``.
    """
    require_staff(actor)
    values, countries = _columns(changes)
    with unit_of_work() as session:
        method = _locked(session, method_id, version)
        for name, value in values.items():
            setattr(method, name, value)
        method.version += 1
        _set_zones(session, method, method.countries if countries is None else countries)
        _flush(session)
    return method


def delete(actor: Acting, method_id: int, *, version: int | None) -> None:
    """Remove a method.

    Raises:
        NotFound, PreconditionFailed, Forbidden: as in ``update``.
    """
    require_staff(actor)
    with unit_of_work() as session:
        session.delete(_locked(session, method_id, version))


def _columns(fields: dict[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    values = dict(fields)
    countries = values.pop("countries", None)
    days = values.pop("days", None)
    if days is not None:
        values |= {"days_min": days["min"], "days_max": days["max"]}
    return values, countries


def _locked(session: Session, method_id: int, version: int | None) -> ShippingMethod:
    method = session.get(ShippingMethod, method_id, with_for_update=True, populate_existing=True)
    if method is None:
        raise errors.NotFound(f"There is no shipping method {method_id}.")
    if version is not None and method.version != version:
        raise errors.PreconditionFailed
    return method


def _set_zones(session: Session, method: ShippingMethod, countries: Iterable[str]) -> None:
    wanted = sorted(set(countries)) or [ELSEWHERE]
    with session.no_autoflush:
        others = select(ShippingZone.country).where(
            ShippingZone.code == method.code,
            ShippingZone.country.in_(wanted),
            ShippingZone.method_id != (method.id or 0),
        )
        taken = sorted(session.scalars(others))
    if taken:
        where = "all other countries" if ELSEWHERE in taken else ", ".join(taken)
        raise errors.ShippingZoneTaken(f"Another method {method.code!r} goes to {where} already.")
    present = {zone.country: zone for zone in method.zones}
    method.zones = [present.get(country) or ShippingZone(country=country) for country in wanted]
    for zone in method.zones:
        zone.code = method.code


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        # Somebody else took it between the look and the leap.
        raise errors.ShippingZoneTaken from None
