"""Uploads for tests of covers; each needs an app context."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.gateways import storage
from bookstore.models import Book, CoverUpload, Event
from bookstore.services import covers
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.pictures import picture


def put(book_id: int, data: bytes | None = None) -> str:
    """Have something under a key of the book's, and return the key."""
    key: str = covers.offer(SYSTEM, book_id, "image/png", 1)["key"]
    storage.store(settings()).put(key, picture() if data is None else data, "image/png")
    return key


def uploaded(book_id: int, data: bytes | None = None) -> int:
    """Return the id of an accepted upload."""
    key = put(book_id, data)
    covers.complete(SYSTEM, book_id, key)
    return row(key=key).id


def row(**which: Any) -> CoverUpload:
    """Return an upload as the database has it now."""
    new_snapshot()
    query = select(CoverUpload).filter_by(**which).execution_options(populate_existing=True)
    return db.session.scalars(query).one()


def book(book_id: int) -> Book:
    """Return a book as the database has it now."""
    new_snapshot()
    return db.session.get_one(Book, book_id, populate_existing=True)


def stands(upload_id: int) -> tuple[str, str | None]:
    """Return an upload's status, and why it failed."""
    found = row(id=upload_id)
    return found.status, found.failure


def make_due(upload_id: int) -> None:
    """Let the time be over for which an upload is held, or was put off."""
    with unit_of_work() as session:
        past = clock.now() - timedelta(seconds=1)
        due = update(CoverUpload).where(CoverUpload.id == upload_id)
        session.execute(due.values(next_attempt_at=past))


def changes(book_id: int) -> int:
    """Return how often the world was told that the book has changed."""
    new_snapshot()
    told = select(func.count()).where(Event.type == "book.updated", Event.aggregate_id == book_id)
    return db.session.scalar(told) or 0


def files(prefix: str) -> list[str]:
    """Return what the folder keeps below a prefix."""
    root: Path = settings().bookstore_home / "storage"
    found = [path for path in (root / prefix).rglob("*") if path.is_file()]
    return sorted(path.relative_to(root).as_posix() for path in found)
