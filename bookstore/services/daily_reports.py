"""Yesterday in figures, for whoever opens the folder: two CSV files a day, written once.

``<home>/reports/sales-2026-11-03.csv`` has one row, ``books-2026-11-03.csv`` the best sellers.
"""

import csv
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

from bookstore import clock, money
from bookstore.extensions import settings
from bookstore.models.orders import STATUSES
from bookstore.services import reports
from bookstore.services.actors import SYSTEM
from bookstore.services.imports import cells

# Days that were missed, because nothing ran, are caught up with.
DAYS = 7
BEST_SELLERS = 100


def write() -> list[Path]:
    """Write the files of the last seven days (UTC) that are not there yet; return their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = settings().bookstore_home / "reports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    today = clock.now().date()
    written = []
    for ago in range(DAYS, 0, -1):
        day = today - timedelta(days=ago)
        for name, rows in (("sales", _sales), ("books", _books)):
            path = folder / f"{name}-{day}.csv"
            if not path.exists():
                _write(path, rows(day))
                written.append(path)
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


def _write(path: Path, rows: Iterable[Sequence[object]]) -> None:
    # Whole or not at all, whoever else writes the same file at the same moment.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with draft.open("x", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows(rows)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
