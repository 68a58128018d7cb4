"""Turning a row of the shop's own CSV into a draft, or into what is wrong with it."""

import hashlib
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from bookstore import isbn, money
from bookstore.extensions import settings
from bookstore.models.catalog import STATUSES
from bookstore.models.taxes import BOOKS
from bookstore.models.text import slugify, words
from bookstore.services.html import sanitise_html
from bookstore.services.imports import cells
from bookstore.services.imports.names import name_key, split_name
from bookstore.services.imports.report import Draft, RowError

# In the order the export writes them; an import takes any order.
COLUMNS = (
    "title",
    "subtitle",
    "authors",
    "isbn",
    "sku",
    "publisher",
    "categories",
    "price",
    "currency",
    "stock",
    "pages",
    "language",
    "publication_date",
    "description",
    "status",
    "cover_url",
    "weight",
    "tax_category",
)
REQUIRED = {"title", "authors", "price"}
OPTIONAL = set(COLUMNS) - REQUIRED

MAX_STOCK, MAX_PAGES, MAX_DESCRIPTION, MAX_WEIGHT = 1_000_000, 100_000, 100_000, 100_000
MAX_AUTHORS, MAX_CATEGORIES = 100, 50
_NUMBER = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TAX_CATEGORY = re.compile(r"[a-z0-9_]{1,40}")
_URL = re.compile(r"(https?://[^\s/]|/[^\s/])\S*", re.IGNORECASE)


def to_draft(row: int, given: dict[str, str]) -> Draft | list[RowError]:
    """Return the draft of a row of the shop's own format, or all that is wrong with it."""
    texts = {name: cells.unguard(cell).strip() for name, cell in given.items()}
    currency = settings().currency
    complaints: list[RowError] = []

    def read(name: str, parse: Callable[[str], Any]) -> Any:
        """Return the parsed cell, or None when it is blank, absent or (noted) wrong."""
        text = texts.get(name, "")
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            complaints.append(RowError(row, name, str(error)))
            return None

    for name in sorted(REQUIRED):
        if not texts[name]:
            complaints.append(RowError(row, name, "is missing"))
    read("currency", lambda text: same_currency(text, currency))
    title = read("title", up_to(500))
    authors = read("authors", author_names)
    price = read("price", lambda text: price_in(text, currency))
    number = read("isbn", stored_isbn)
    sku = read("sku", up_to(64))
    values = {
        "subtitle": read("subtitle", up_to(500)),
        "publisher": read("publisher", up_to(200)),
        "categories": read("categories", category_names),
        "stock": read("stock", lambda text: whole(text, 0, MAX_STOCK)),
        "pages": read("pages", lambda text: whole(text, 1, MAX_PAGES)),
        "language": read("language", up_to(20)),
        "publication_date": read("publication_date", iso_date),
        "description": read("description", description),
        "status": read("status", status),
        "cover_url": read("cover_url", cover_url),
        "weight": read("weight", lambda text: whole(text, 0, MAX_WEIGHT)),
        "tax_category": read("tax_category", tax_category),
    }
    if complaints:
        return complaints
    # A blank cell empties the field; a column that is not there leaves it alone.
    blanks = {"subtitle": "", "language": "", "description": "", "tax_category": BOOKS}
    for name, empty in blanks.items():
        if name in texts and values[name] is None:
            values[name] = empty
    if "categories" in texts and values["categories"] is None:
        values["categories"] = []
    return Draft(
        row=row,
        title=title,
        authors=authors,
        price=price,
        isbn=number,
        sku=sku or number or made_up_sku(title, authors),
        has_own_sku=sku is not None,
        columns=frozenset(given),
        **values,
    )


def made_up_sku(title: str, authors: list[str]) -> str:
    """Return the same SKU for the same book, however its title and authors are spelt."""
    told = "\n".join([" ".join(words(title)) or title, *map(name_key, authors)])
    return f"auto:{hashlib.sha256(told.encode()).hexdigest()[:24]}"


# -- cells: each returns the value or raises ValueError with the reason -----------------------
def up_to(limit: int) -> Callable[[str], str]:
    """Return a parser that refuses longer texts."""

    def parse(text: str) -> str:
        if len(text) > limit:
            raise ValueError(f"is longer than {limit} characters")
        return text

    return parse


def whole(text: str, low: int, high: int) -> int:
    """Parse a whole number within bounds."""
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise ValueError(f"is not a whole number from {low} to {high}")
    return int(text)


def price_in(text: str, currency: str) -> int:
    """Parse a price into minor units."""
    try:
        minor = money.to_minor(text, currency)
    except ValueError as error:
        raise ValueError(f"is {text[:20]!r}: {error}") from None
    if minor > money.highest_price(currency):
        raise ValueError("is too high")
    return minor


def same_currency(text: str, currency: str) -> None:
    """Refuse another currency than the shop's."""
    if text.lower() != currency:
        raise ValueError(f"is {text[:10]!r}, the shop sells in {currency}")


def stored_isbn(text: str) -> str:
    """Parse an ISBN into the form that is stored."""
    if not isbn.is_format(text):
        raise ValueError("is not an ISBN: 10 or 13 digits, dashes allowed")
    if settings().isbn_checksum and not isbn.has_valid_checksum(text):
        raise ValueError("has a wrong check digit")
    return isbn.normalise(text)


def iso_date(text: str) -> date:
    """Parse YYYY-MM-DD."""
    if not _DATE.fullmatch(text):
        raise ValueError("is not a date like 2024-12-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a date in the calendar") from None


def description(text: str) -> str:
    """Parse HTML into harmless HTML."""
    return sanitise_html(up_to(MAX_DESCRIPTION)(text)).strip()


def status(text: str) -> str:
    """Parse a book's status."""
    if text not in STATUSES:
        raise ValueError(f"is not one of {', '.join(STATUSES)}")
    return text


def cover_url(text: str) -> str:
    """Parse the address of a picture: http(s), or a path of this service."""
    if not _URL.fullmatch(up_to(1000)(text)):
        raise ValueError("is not an http(s) address")
    return text


def tax_category(text: str) -> str:
    """Parse the name of a class of goods."""
    if not _TAX_CATEGORY.fullmatch(text):
        raise ValueError("is not up to 40 lower-case letters, digits and _")
    return text


def author_names(text: str) -> list[str]:
    """Parse names separated by semicolons; one given twice counts once."""
    names = list({name_key(name): name for name in reversed(cells.split(text))}.values())[::-1]
    if not names:
        raise ValueError("is missing")
    if len(names) > MAX_AUTHORS:
        raise ValueError(f"are more than {MAX_AUTHORS}")
    for name in names:
        if max(map(len, split_name(name))) > 150:
            raise ValueError("has a name that is too long")
    return names


def category_names(text: str) -> list[str]:
    """Parse names separated by semicolons; one given twice counts once."""
    names = list({slugify(name): name for name in cells.split(text)}.values())
    if len(names) > MAX_CATEGORIES:
        raise ValueError(f"are more than {MAX_CATEGORIES}")
    for name in names:
        if not slugify(name):
            raise ValueError(f"has {name[:20]!r}, which has no letters")
        if max(len(name), len(slugify(name))) > 100:
            raise ValueError("has a name longer than 100 characters")
    return names
