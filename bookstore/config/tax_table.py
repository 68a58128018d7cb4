"""Tax rates as text, for the setting ``TAX_RATES``."""

import re
from typing import NamedTuple

from bookstore import countries, money

_ENTRY = re.compile(
    r"(?P<country>[A-Za-z]{2})(-(?P<region>[^/=,]{1,100}))?(/(?P<category>[a-z0-9_]{1,40}))?"
    r"=(?P<percent>[\d.]{1,7})(?P<added>\+)?"
)


class Entry(NamedTuple):
    """One rate; ``percent`` in thousandths, ``inclusive`` when prices contain it."""

    country: str
    region: str
    category: str
    percent: int
    inclusive: bool


def parse(value: str) -> list[Entry]:
    """Return the entries of ``COUNTRY[-REGION][/CATEGORY]=PERCENT[+]``, separated by commas.

    Raises:
        ValueError: naming the entry that is not one, or is for a country that there is not.
    """
    entries = []
    for part in filter(None, map(str.strip, value.split(","))):
        found = _ENTRY.fullmatch(part)
        try:
            percent = money.to_thousandths(found["percent"] if found else "")
        except ValueError:
            found = None
        if found is None:
            raise ValueError(f"{part!r} is not a rate such as DE/books=7 or US-CA=7.25+")
        country = found["country"].upper()
        why = countries.complaint(country)
        if why is not None:
            raise ValueError(f"{part!r}: {why}")
        entries.append(
            Entry(
                country,
                found["region"] or "",
                found["category"] or "",
                percent,
                found["added"] is None,
            )
        )
    return entries
