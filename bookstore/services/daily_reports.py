"""Yesterday in figures: two CSV files a day, written once.

``<home>/reports/sales-2026-11-03.csv`` has one row, ``books-2026-11-03.csv`` the best sellers. With
a bucket they are there instead, where no machine takes them along when it goes:
``reports/sales-2026-11-03-<32 hex digits>.csv``. Whoever may read the bucket but not list it, such
as a CDN's visitors, cannot guess the digits.
"""

import csv
import hashlib
import hmac
import io
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

from bookstore import clock, money
from bookstore.extensions import settings
from bookstore.models.orders import STATUSES
from bookstore.services import reports, sales_folding, storage
from bookstore.services.actors import SYSTEM
from bookstore.services.imports import cells
from bookstore.unit_of_work import new_snapshot

# Days that were missed, because nothing ran, are caught up with.
DAYS = 7
BEST_SELLERS = 100


class _Shelf(Protocol):
    def place(self, name: str) -> str: ...

    def has(self, place: str) -> bool: ...

    def put(self, place: str, text: str) -> None: ...


def write() -> list[str]:
    """Write the files of the last seven days (UTC) that are not there yet.

    Returns:
        where they are: paths, or keys of the bucket.

    Raises:
        OSError: the folder cannot be written.
        StorageUnavailable: the bucket cannot be asked.
    """
    shelf: _Shelf = _Folder() if settings().s3_bucket is None else _Bucket()
    today = clock.now().date()
    written: list[str] = []
    for ago in range(DAYS, 0, -1):
        day = today - timedelta(days=ago)
        for name, rows in (("sales", _sales), ("books", _books)):
            place = shelf.place(f"{name}-{day}")
            if not shelf.has(place):
                if not written:
                    # Never written again: what a process of an older release did is to be in it.
                    sales_folding.recount(day)
                text = _text(rows(day))
                new_snapshot()  # a slow bucket is not waited for in a transaction
                shelf.put(place, text)
                written.append(place)
    return written


def _sales(day: date) -> list[Sequence[object]]:
    found = reports.sales(SYSTEM, day, day)
    currency, average = found["currency"], found["average_order_value"]
    return [
        ["day", "currency", "orders", "revenue", "average_order_value", *STATUSES],
        [
            day,
            currency,
            found["orders"],
            money.to_text(found["revenue"], currency),
            "" if average is None else money.to_text(average, currency),
            *(found["orders_by_status"][status] for status in STATUSES),
        ],
    ]


def _books(day: date) -> list[Sequence[object]]:
    currency = settings().currency
    rows: list[Sequence[object]] = [["rank", "book_id", "title", "copies", "currency", "revenue"]]
    for book in reports.top_books(SYSTEM, day, day, BEST_SELLERS):
        revenue = money.to_text(book["revenue"], currency)
        title = cells.guard(book["title"])
        rows.append([book["rank"], book["book_id"], title, book["copies"], currency, revenue])
    return rows


def _text(rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


class _Folder:
    """The folder ``reports`` of the data folder."""

    def __init__(self) -> None:
        self._path = settings().bookstore_home / "reports"
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def place(self, name: str) -> str:
        return str(self._path / f"{name}.csv")

    def has(self, place: str) -> bool:
        return Path(place).exists()

    def put(self, place: str, text: str) -> None:
        # Whole or not at all, whoever else writes the same file at the same moment.
        path = Path(place)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            draft.write_text(text, encoding="utf-8", newline="")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


class _Bucket:
    """The bucket, below ``reports/``."""

    def place(self, name: str) -> str:
        secret = settings().resolved_secret_key().encode()
        digits = hmac.new(secret, f"daily report {name}".encode(), hashlib.sha256).hexdigest()[:32]
        return f"reports/{name}-{digits}.csv"

    def has(self, place: str) -> bool:
        with storage.asking() as store:
            return store.size(place) is not None

    def put(self, place: str, text: str) -> None:
        with storage.asking() as store:
            store.put(place, text.encode(), "text/csv; charset=utf-8", storage.PRIVATE)
