"""Which tax applies where: rates in the database, and before them those of the setting."""

from collections.abc import Iterable
from functools import cache

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bookstore.config import tax_table
from bookstore.extensions import settings
from bookstore.models import TaxRate
from bookstore.prepared import Prepared
from bookstore.services.pricing import Rate
from bookstore.unit_of_work import execute

_OF_COUNTRY = Prepared(
    select(TaxRate.region, TaxRate.category, TaxRate.percent, TaxRate.inclusive).where(
        TaxRate.country == bindparam("country")
    )
)


def rates_for(
    session: Session, country: str, region: str, categories: Iterable[str]
) -> dict[str, Rate]:
    """Return category → rate for goods that go to a place; none where nothing is taxed.

    The most specific rate wins: of the region before the country's, then of the category before
    the general one; and of two that are as specific, the setting's before the database's.
    """
    found: dict[tuple[str, str], Rate] = {}
    for row in execute(session, _OF_COUNTRY, {"country": country}):
        found[key(row.region), row.category] = Rate(row.percent, row.inclusive)
    for entry in _of_the_setting(settings().tax_rates or ""):
        if entry.country == country:
            found[key(entry.region), entry.category] = Rate(entry.percent, entry.inclusive)
    rates = {}
    for category in categories:
        places = [(place, name) for place in (key(region), "") for name in (category, "")]
        rate = next((found[place] for place in places if place in found), None)
        if rate is not None:
            rates[category] = rate
    return rates


def key(region: str) -> str:
    """Return what a region is compared by."""
    return region.strip().casefold()


@cache
def _of_the_setting(text: str) -> list[tax_table.Entry]:
    return tax_table.parse(text)
