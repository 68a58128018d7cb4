"""Reading a file of prices: which book each row is about, and what it would change."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.extensions import settings
from bookstore.models import Book, PriceUpdateRow
from bookstore.services.imports import cells, rows
from bookstore.services.imports.reading import Source, bad_file

NAMES = ("id", "isbn", "sku")
BATCH = 1000
MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 200_000
_books = Book.__table__.c
_NAME = "The file"

Row = tuple[int, dict[str, str] | tuple[str, str]]


class PriceFile:
    """A CSV of prices that has been looked through once.

    Attributes:
        named_by: what its rows call books by: id, isbn or sku.
        total: its rows.

    Raises:
        Invalid: it is none.
    """

    def __init__(self, path: Path, name: str = _NAME) -> None:
        self._source = Source(path, name)
        named_by = [name for name in NAMES if name in self._source.columns]
        if len(named_by) != 1:
            there = " and ".join(named_by) or "none"
            reason = f"needs one of the columns id, isbn and sku, and has {there}"
            raise errors.Invalid({"file": [f"{name} {reason}"]}, f"{name} {reason}")
        [self.named_by] = named_by
        self._source.require({"price", self.named_by}, {"currency"})
        self.total = self._source.total
        if self.total > MAX_ROWS:
            raise bad_file(name, f"has more than {MAX_ROWS:,} rows")

    def batches(self, after: int) -> Iterator[list[Row]]:
        """Yield its rows, some at a time, from the one after this number."""
        rest = (row for row in self._source.rows() if row[0] > after)
        while batch := list(islice(rest, BATCH)):
            yield batch


class Matcher:
    """Finds the books that rows are about, and writes down what each row comes to.

    Args:
        update_id: of the price update.
        named_by: as of ``PriceFile``.
        seen: book id → row that was about it, of rows before.
    """

    def __init__(self, update_id: int, named_by: str, seen: dict[int, int]) -> None:
        self._update_id, self._named_by, self._seen = update_id, named_by, dict(seen)

    def write(self, session: Session, batch: Sequence[Row]) -> None:
        """Write these rows: two statements."""
        parsed = [(number, *self._parse(given)) for number, given in batch]
        keys = [key for _, _, key, _, reason in parsed if reason is None]
        column = _books[self._named_by]
        found = session.execute(
            select(column.label("key"), _books.id, _books.price).where(column.in_(keys))
        )
        books = {book.key: book for book in found}
        written = [self._row(*one, book=books.get(one[2])) for one in parsed]
        session.execute(insert(PriceUpdateRow.__table__), written)

    def _parse(self, given: dict[str, str] | tuple[str, str]) -> tuple[str, Any, int, str | None]:
        """Return (as the file has it, the key, price, "field: reason")."""
        if isinstance(given, tuple):
            return "", None, 0, ": ".join(given)
        texts = {name: cells.unguard(cell).strip() for name, cell in given.items()}
        named, currency = texts[self._named_by], settings().currency
        readers: dict[str, Callable[[str], Any]] = {
            self._named_by: _READERS[self._named_by],
            "price": lambda text: rows.price_in(text, currency),
            "currency": lambda text: rows.same_currency(text, currency),
        }
        values: dict[str, Any] = {}
        for name, read in readers.items():
            text = texts.get(name, "")
            try:
                if text:
                    values[name] = read(text)
                elif name != "currency":
                    raise ValueError("is missing")
            except ValueError as error:
                return named, None, 0, f"{name}: {error}"
        return named, values[self._named_by], values["price"], None

    def _row(
        self, number: int, named: str, _key: Any, price: int, reason: str | None, book: Any
    ) -> dict[str, Any]:
        if reason is None and book is None:
            reason = f"{self._named_by}: there is no such book"
        if reason is None and book.id in self._seen:
            reason = f"{self._named_by}: is the same book as in row {self._seen[book.id]}"
        row = {"update_id": self._update_id, "row": number, "named": named[:64]}
        if reason is not None:
            empty = {"book_id": None, "old_price": None, "new_price": None}
            return row | empty | {"outcome": "refused", "reason": reason[:300]}
        self._seen[book.id] = number
        return row | {
            "book_id": book.id,
            "old_price": book.price,
            "new_price": price,
            "outcome": "unchanged" if book.price == price else "waiting",
            "reason": None,
        }


def _id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text)):
        raise ValueError("is not the number of a book")
    return int(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "id": _id,
    "isbn": rows.stored_isbn,
    "sku": rows.up_to(64),
}
