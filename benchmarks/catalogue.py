"""The books that are served: real ones from a folder, or made-up ones, always the same."""

import csv
from pathlib import Path

from sqlalchemy import insert, literal, select, update

from bookstore import clock
from bookstore.models import Book, StockMovement
from bookstore.services import catalog_import, generating
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work

STOCK = 900_000  # enough for all orders of a run, and never low
SEED = 20_000


def load(folder: Path | None, count: int, scratch: Path) -> str:
    """Fill the empty shop; return what it was filled with, in words.

    Args:
        folder: of the goodbooks-10k files, to import, or None to make books up.
        count: how many books at most.
        scratch: where files may be written.
    """
    if folder is None:
        # No readers and no orders: their numbers are those of the buyers that are measured.
        size = generating.Size(books=count, reviews=0, orders=0, users=0, seed=SEED)
        told = f"{generating.generate(size)['books']:,} generated books"
    else:
        report = catalog_import.import_file(
            SYSTEM,
            _first_rows(folder / "books.csv", count, scratch / "books.csv"),
            "goodbooks",
            prices=folder / "prices.csv",
            genres=folder / "genres.csv.gz",
        )
        told = f"{report.created:,} books of goodbooks-10k"
    with unit_of_work() as session:
        # The benchmark buys far more than any shop has.
        more = select(
            Book.id,
            STOCK - Book.stock,
            literal("adjustment"),
            literal("benchmarks"),
            literal(clock.now()),
        ).where(Book.stock != STOCK)
        columns = ["book_id", "delta", "reason", "actor", "at"]
        session.execute(insert(StockMovement.__table__).from_select(columns, more))
        session.execute(
            update(Book)
            .values(stock=STOCK, status="available")
            .execution_options(synchronize_session=False)
        )
    return told


def _first_rows(source: Path, count: int, target: Path) -> Path:
    with source.open(encoding="utf-8", newline="") as given, target.open("w", newline="") as taken:
        writer = csv.writer(taken)
        for number, row in enumerate(csv.reader(given)):
            if number > count:
                break
            writer.writerow(row)
    return target
