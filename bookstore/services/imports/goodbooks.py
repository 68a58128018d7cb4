"""Turning rows of the goodbooks-10k data set into drafts.

Its traps: ISBNs without their leading zeros, isbn13 as text of a float, years BC, several
authors in one field, prices and shelves in files of their own.
"""

import re
from datetime import date
from pathlib import Path

from bookstore import isbn
from bookstore.extensions import settings
from bookstore.services.imports import cells, languages
from bookstore.services.imports.names import is_suffix
from bookstore.services.imports.reading import Source
from bookstore.services.imports.report import Draft, RowError
from bookstore.services.imports.rows import (
    MAX_STOCK,
    author_names,
    cover_url,
    price_in,
    up_to,
    whole,
)
from bookstore.services.imports.shelves import categories_of

COLUMNS = {
    "book_id",
    "goodreads_book_id",
    "isbn",
    "authors",
    "original_publication_year",
    "title",
    "language_code",
    "ratings_count",
    "image_url",
}
_SAID = frozenset({"isbn", "publication_date", "cover_url"})


class Goodbooks:
    """The data set's side files, read once.

    Args:
        prices: CSV of book_id, price, stock.
        genres: CSV (may be gzipped) of book_id, genres; categories are left alone without.

    Raises:
        Invalid: a file cannot be read or lacks a column.
    """

    def __init__(self, prices: Path, genres: Path | None) -> None:
        self._prices = _by_book(prices, {"price", "stock"})
        self._genres = _by_book(genres, {"genres"}) if genres else None

    def to_draft(self, row: int, given: dict[str, str]) -> Draft | list[RowError]:
        """Return the draft of a row, or all that is wrong with it."""
        texts = {name: cell.strip() for name, cell in given.items()}
        complaints: list[RowError] = []
        book_id = texts["book_id"]
        title, authors, price, stock = texts["title"], [], 0, None
        try:
            if not up_to(500)(title):
                raise ValueError("is missing")
        except ValueError as error:
            complaints.append(RowError(row, "title", str(error)))
        try:
            authors = author_names(cells.join(_authors(texts["authors"])))
        except ValueError as error:
            complaints.append(RowError(row, "authors", str(error)))
        side = self._prices.get(book_id)
        if side is None or not side["price"].strip():
            complaints.append(RowError(row, "price", f"book_id {book_id} has none"))
        else:
            try:
                price = price_in(side["price"].strip(), settings().currency)
            except ValueError as error:
                complaints.append(RowError(row, "price", str(error)))
            try:
                stock = whole(side["stock"].strip(), 0, MAX_STOCK) if side["stock"] else None
            except ValueError as error:
                complaints.append(RowError(row, "stock", str(error)))
        if not re.fullmatch(r"[0-9]{1,18}", texts["goodreads_book_id"]):
            complaints.append(RowError(row, "goodreads_book_id", "is not a number"))
        if complaints:
            return complaints
        padded = isbn.pad(texts["isbn"])
        number = isbn.to_isbn13(padded) if isbn.has_valid_checksum(padded) else None
        shelves = None
        if self._genres is not None:
            shelves = categories_of(self._genres.get(book_id, {}).get("genres", ""))
        return Draft(
            row=row,
            title=title,
            authors=authors,
            price=price,
            stock=stock,
            isbn=number,
            sku=number or f"goodreads:{texts['goodreads_book_id']}",
            has_own_sku=True,
            columns=_SAID,
            categories=shelves,
            language=languages.short(texts["language_code"]),
            publication_date=_year(texts["original_publication_year"]),
            popularity=min(_count(texts["ratings_count"]), 2**31 - 1),
            cover_url=_cover(texts["image_url"]),
        )


def _by_book(path: Path, columns: set[str]) -> dict[str, dict[str, str]]:
    source = Source(path)
    source.require({"book_id"} | columns)
    return {
        cells["book_id"].strip(): {name: cells[name] for name in columns}
        for _, cells in source.rows()
        if isinstance(cells, dict)
    }


def _authors(text: str) -> list[str]:
    names: list[str] = []
    for part in text.split(","):
        name = " ".join(part.split())
        if names and is_suffix(name):
            names[-1] += f" {name}"
        elif name:
            names.append(name)
    return names


def _year(text: str) -> date | None:
    match = re.fullmatch(r"([0-9]{1,4})(\.0*)?", text)
    return date(int(match[1]), 1, 1) if match and int(match[1]) >= 1 else None


def _count(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else 0


def _cover(url: str) -> str | None:
    try:
        return cover_url(url) if url and "nophoto" not in url else None
    except ValueError:
        return None
