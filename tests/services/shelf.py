"""A small shelf to search, and how a list of books asks for it."""

from pathlib import Path

from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services import catalog_import, search
from bookstore.services.actors import SYSTEM

SHELF = """\
title,authors,price,isbn,sku
"The Hunger Games (The Hunger Games, #1)",Suzanne Collins,9.99,9780439023481,
Catching Fire (The Hunger Games #2),Suzanne Collins,9.99,9780439023498,
The Hobbit: There and Back Again,J.R.R. Tolkien;Alan Lee,9.99,,
Cien años de soledad,Gabriel García Márquez,9.99,,
Ender's Game,Orson Scott Card,9.99,,
Nineteen Eighty-Four / 1984,George Orwell,9.99,,BIG-84
The The,Band And Near,9.99,,
Dune,Frank Herbert,9.99,,
Dune Messiah,Frank Herbert,9.99,,
"""


def fill(folder: Path) -> None:
    """Load the shelf."""
    path = folder / "shelf.csv"
    path.write_text(SHELF)
    assert catalog_import.import_file(SYSTEM, path).created == 9


def titles(q: str) -> list[str]:
    found = search.matches(q)
    if found is None:
        return []
    hits = found.hits
    query = select(Book.title, hits.c.score).join(hits, hits.c.book_id == Book.id)
    rows = db.session.execute(
        query.order_by(hits.c.score.desc(), hits.c.book_id), found.values
    ).all()
    assert all(type(row.score) is int for row in rows)
    return [row.title for row in rows]


def first(q: str) -> str:
    return (titles(q) or [""])[0]
