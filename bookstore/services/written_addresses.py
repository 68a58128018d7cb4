"""Addresses as people write them, in one piece: what API v1 takes."""

import re
from functools import cache
from typing import Any

from babel import Locale

from bookstore import countries
from bookstore.extensions import settings
from bookstore.services import accounts
from bookstore.services.actors import Acting

# Languages in which a country's name is understood.
_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt", "sv")
_MORE_NAMES = {
    "usa": "US",
    "united states of america": "US",
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "czech republic": "CZ",
    "holland": "NL",
    "the netherlands": "NL",
}
# Codes that are also those of a state or province, and so written behind a town's name.
_STATES = frozenset(
    [
        "AL",
        "AR",
        "AZ",
        "CA",
        "CO",
        "DE",
        "FL",
        "GA",
        "ID",
        "IL",
        "IN",
        "KY",
        "LA",
        "MA",
        "MD",
        "ME",
        "MN",
        "MO",
        "MS",
        "MT",
        "NC",
        "NE",
        "PA",
        "SC",
        "SD",
        "TN",
        "VA",
        "AB",
        "BC",
        "MB",
        "NB",
        "NL",
        "NS",
        "NT",
        "NU",
        "PE",
        "SK",
    ]
)


def read(actor: Acting, text: str) -> dict[str, Any]:
    """Return an address for ``orders.place`` from text, which it keeps as ``text``.

    Only the country is read out of it, by its name or its code; without one it is the setting
    DEFAULT_COUNTRY.
    """
    user = accounts.get(actor)
    name = f"{user.first_name} {user.last_name}".strip() or user.username
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return {
        "name": name,
        "line1": ", ".join(line.rstrip(",") for line in lines),
        "line2": "",
        "city": "",
        "region": "",
        "postal_code": "",
        "country": country_of(text) or settings().default_country or "",
        "text": text,
    }


def country_of(text: str) -> str | None:
    """Return the code of the country that an address names; None if it names none.

    The last of the parts between commas and line ends that is a country's name; else the very last
    one, if it is a code and does not look like a state's.
    """
    parts = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
    for part in reversed(parts):
        found = _names().get(part.casefold().replace(".", ""))
        if found is not None:
            return found
    last = parts[-1] if parts else ""
    alone = text.rstrip().splitlines()[-1].strip() == last if parts else False
    if last in countries.CODES and (alone or last not in _STATES):
        return last
    return None


@cache
def _names() -> dict[str, str]:
    found = dict(_MORE_NAMES)
    for language in _LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if code in countries.CODES:
                found.setdefault(name.casefold(), code)
    return found
