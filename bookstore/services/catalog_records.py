"""Authors, categories and publishers: what books hang on. One set of functions serves all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Author, Book, Category, Publisher
from bookstore.models.catalog import book_authors, book_categories
from bookstore.models.text import slugify, sort_key
from bookstore.services import catalog_cache, counting, paging, search
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.sql import planned_anew
from bookstore.unit_of_work import unit_of_work


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the three."""

    model: Any
    name: str
    books: Callable[[Any], Any]  # query for ids of the books that refer to a record id
    reference: Any  # the column that refers to it, once a book


def _author_books(record_id: Any) -> Any:
    return select(book_authors.c.book_id).where(book_authors.c.author_id == record_id)


def _category_books(record_id: Any) -> Any:
    return select(book_categories.c.book_id).where(book_categories.c.category_id == record_id)


def _publisher_books(record_id: Any) -> Any:
    return select(Book.id).where(Book.publisher_id == record_id)


AUTHORS = Kind(Author, "author", _author_books, book_authors.c.author_id)
CATEGORIES = Kind(Category, "category", _category_books, book_categories.c.category_id)
PUBLISHERS = Kind(Publisher, "publisher", _publisher_books, Book.publisher_id)


def list_records(kind: Kind, q: str | None, page: PageRequest, *, counted: bool = False) -> Page:
    """Return one page by name; ``q`` keeps the names that contain all its words.

    With ``counted`` each record has its ``books_count`` (one more statement).
    """
    query = select(kind.model.id, kind.model)
    for word in sort_key(q or "").split():  # without "The", as the names are kept
        query = planned_anew(query.where(kind.model.name_sort.contains(word, autoescape=True)))
    order = Order("name", kind.model.name_sort, kind.model.id, False, paging.parse_text)
    found = paging.fetch(db.session(), query, order, page)
    records = [row[1] for row in found.data]
    if counted:
        _count_books(kind, records)
    return found.of(records)


def get_record(kind: Kind, record_id: int) -> Any:
    """Return one record with ``books_count``.

    Raises:
        NotFound: there is no such record.
    """
    record = db.session.get(kind.model, record_id)
    if record is None:
        raise errors.NotFound(f"There is no {kind.name} {record_id}.")
    record.books_count = counting.count(db.session(), kind.books(record_id))
    return record


def create_record(actor: Acting, kind: Kind, fields: dict[str, Any]) -> Any:
    """Make a record and return it.

    Raises:
        Forbidden: not staff.
        NameTaken, SlugTaken: another one has it.
    """
    require_staff(actor)
    with unit_of_work() as session:
        record = kind.model(**fields)
        _set_slug(record)
        _refuse_taken_name(session, kind, record)
        session.add(record)
        _flush_unique(session)
        catalog_cache.changed()
    record.books_count = 0
    return record


def update_record(
    actor: Acting, kind: Kind, record_id: int, changes: dict[str, Any], *, version: int | None
) -> Any:
    """Change a record and return it; books found by its old name are found by the new one.

    Raises:
        NotFound, Forbidden, NameTaken, SlugTaken: as above.
        PreconditionFailed: it no longer has ``version``.
    """
    require_staff(actor)
    with unit_of_work() as session:
        record = _locked(session, kind, record_id, version)
        for name, value in changes.items():
            setattr(record, name, value)
        _set_slug(record)
        record.version += 1
        _flush_unique(session)
        if kind is AUTHORS:
            search.index_books(session, list(session.scalars(kind.books(record_id))))
        catalog_cache.changed()
    return get_record(kind, record_id)


def delete_record(actor: Acting, kind: Kind, record_id: int, *, version: int | None) -> None:
    """Remove a record that no book refers to.

    Raises:
        NotFound, Forbidden, PreconditionFailed: as above.
        HasBooks: books refer to it.
    """
    require_staff(actor)
    with unit_of_work() as session:
        _locked(session, kind, record_id, version)
        if session.scalar(kind.books(record_id).limit(1)) is not None:
            raise errors.HasBooks(f"There are books of this {kind.name}.")
        try:
            session.execute(delete(kind.model).where(kind.model.id == record_id))
        except IntegrityError:
            raise errors.HasBooks(f"There are books of this {kind.name}.") from None
        catalog_cache.changed()


def _count_books(kind: Kind, records: list[Any]) -> None:
    ids = [record.id for record in records]
    counts = select(kind.reference, func.count()).where(kind.reference.in_(ids))
    rows = db.session.execute(counts.group_by(kind.reference))
    found = {row[0]: row[1] for row in rows}
    for record in records:
        record.books_count = found.get(record.id, 0)


def _locked(session: Session, kind: Kind, record_id: int, version: int | None) -> Any:
    record = session.get(kind.model, record_id, with_for_update=True, populate_existing=True)
    if record is None:
        raise errors.NotFound(f"There is no {kind.name} {record_id}.")
    if version is not None and record.version != version:
        raise errors.PreconditionFailed
    return record


def _set_slug(record: Any) -> None:
    if isinstance(record, Category) and not record.slug:
        record.slug = slugify(record.name)[:100].rstrip("-") or "category"


def _refuse_taken_name(session: Session, kind: Kind, record: Any) -> None:
    # Of two constraints broken at once, each database names another.
    if kind is not AUTHORS and session.scalar(
        select(kind.model.id).where(kind.model.name == record.name)
    ):
        raise errors.NameTaken


def _flush_unique(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise errors.SlugTaken if "slug" in str(error.orig) else errors.NameTaken from None
