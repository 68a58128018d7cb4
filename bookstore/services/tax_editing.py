"""The tax rates of the database: read and changed by staff, by version.

Orders keep what they were taxed, so nothing here touches an order that was placed.
"""

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import TaxRate
from bookstore.services import paging, taxes
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.unit_of_work import unit_of_work

_LOCK = 7266640


def list_rates(actor: Acting, page: PageRequest, *, country: str | None = None) -> Page:
    """Return one page of the rates by country.

    Raises:
        Forbidden: not staff.
    """
    require_staff(actor)
    query = select(TaxRate.id, TaxRate)
    if country is not None:
        query = query.where(TaxRate.country == country)
    order = Order("country", TaxRate.country, TaxRate.id, False, paging.parse_text)
    found = paging.fetch(db.session(), query, order, page)
    return Page([row[1] for row in found.data], found.next_cursor, found.total)


def get(actor: Acting, rate_id: int) -> TaxRate:
    """Return a rate.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such rate.
    """
    require_staff(actor)
    rate = db.session.get(TaxRate, rate_id)
    if rate is None:
        raise errors.NotFound(f"There is no tax rate {rate_id}.")
    return rate


def create(actor: Acting, fields: dict[str, Any]) -> TaxRate:
    """Make a rate and return it.

    Args:
        actor: staff.
        fields: country, percent (thousandths); and, optionally, region, category, inclusive.

    Raises:
        Forbidden: not staff.
        TaxRateTaken: there is one for this country, region and category.
    """
    require_staff(actor)
    with unit_of_work() as session:
        rate = TaxRate(**{"region": "", "category": "", **fields})
        _refuse_taken(session, rate)
        session.add(rate)
        _flush(session)
    return rate


def update(actor: Acting, rate_id: int, changes: dict[str, Any], *, version: int | None) -> TaxRate:
    """Change a rate and return it; ``changes`` as in ``create``, only what changes.

    Raises:
        NotFound: there is no such rate.
        PreconditionFailed: it no longer has ``version``.
        Forbidden, TaxRateTaken: as in ``create``.
    """
    require_staff(actor)
    with unit_of_work() as session:
        rate = _locked(session, rate_id, version)
        for name, value in changes.items():
            setattr(rate, name, value)
        rate.version += 1
        _refuse_taken(session, rate)
        _flush(session)
    return rate


def delete(actor: Acting, rate_id: int, *, version: int | None) -> None:
    """Remove a rate.

    Raises:
        NotFound, PreconditionFailed, Forbidden: as in ``update``.
    """
    require_staff(actor)
    with unit_of_work() as session:
        session.delete(_locked(session, rate_id, version))


def _locked(session: Session, rate_id: int, version: int | None) -> TaxRate:
    rate = session.get(TaxRate, rate_id, with_for_update=True, populate_existing=True)
    if rate is None:
        raise errors.NotFound(f"There is no tax rate {rate_id}.")
    if version is not None and rate.version != version:
        raise errors.PreconditionFailed
    return rate


def _refuse_taken(session: Session, rate: TaxRate) -> None:
    with session.no_autoflush:
        if session.get_bind().dialect.name == "postgresql":
            # The constraint tells "Bavaria" from "BAVARIA", addresses do not: of two at once, the
            # second must see the first.
            session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        same = select(TaxRate.id, TaxRate.region).where(
            TaxRate.country == rate.country, TaxRate.category == rate.category
        )
        for other in session.execute(same):
            if other.id != rate.id and taxes.key(other.region) == taxes.key(rate.region):
                raise errors.TaxRateTaken


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise errors.TaxRateTaken from None
