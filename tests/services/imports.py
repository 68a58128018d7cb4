"""What the tests of imports and exports share."""

from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from bookstore.extensions import db
from bookstore.models import Book, StockMovement
from bookstore.services import catalog_import
from bookstore.services.actors import SYSTEM

GOOD = """\
title,authors,isbn,publisher,categories,currency,stock,price,pages,language,\
publication_date,description,cover_url
Good Omens,Terry Pratchett;Neil Gaiman,0-552-13703-0,Gollancz,Fantasy;Humour,USD,5,9.99,288,en,\
1990-05-01,<p>An <b>end</b>,https://covers.example/1.jpg
Mort,Terry  Pratchett,,Gollancz,Fantasy,,0,7.5,,,,,
"""


def load(tmp_path: Path, text: str | bytes, **options: Any) -> catalog_import.Report:
    path = tmp_path / "books.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return catalog_import.import_file(SYSTEM, path, **options)


def complaints(report: catalog_import.Report) -> list[tuple[int, str]]:
    return [(error.row, error.field) for error in report.errors]


def counts(report: catalog_import.Report) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.bad


def book(title: str) -> Book:
    db.session.rollback()
    return db.session.scalars(select(Book).where(Book.title == title)).one()


def ledger_agrees() -> bool:
    total = func.coalesce(func.sum(StockMovement.delta), 0)
    query = select(Book.stock, total).outerjoin(StockMovement).group_by(Book.id)
    return all(stock == moved for stock, moved in db.session.execute(query))


def table(name: str, *values: str) -> str:
    """Return a CSV of good rows whose column ``name`` has these values."""
    rows = [f"T{i},Ann Author,1.00,{value}" for i, value in enumerate(values)]
    return "\n".join([f"title,authors,price,{name}", *rows])
