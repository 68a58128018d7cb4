"""Changing books: staff only, by version, with everything that hangs on a book kept in step."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import clock, errors, isbn, money
from bookstore.extensions import settings
from bookstore.models import Author, Book, Category, CoverUpload, OrderItem, Publisher
from bookstore.models.catalog import book_authors, book_categories
from bookstore.services import bulk_events, catalog_cache, cover_links, events, search, stock
from bookstore.services.actors import Acting, require_staff
from bookstore.services.html import sanitise_html
from bookstore.services.sql import AnyRow
from bookstore.unit_of_work import unit_of_work


def create_book(actor: Acting, fields: dict[str, Any]) -> Book:
    """Put a book on sale and return it.

    Args:
        actor: staff.
        fields: title, price (minor units), author_id or author_ids; and, optionally, subtitle,
            isbn, sku, stock, publisher_id, category_ids, pages, language, publication_date,
            weight (grams), tax_category, status, description, cover_url.

    Raises:
        Forbidden: not staff.
        Invalid: naming a field that refers to nothing, or a wrong ISBN.
        IsbnTaken, SkuTaken: another book has it.
    """
    require_staff(actor)
    fields = dict(fields)
    by = "author_ids" if "author_ids" in fields else "author_id"
    authors, categories = _take_lists(fields)
    copies = fields.pop("stock", 0)
    _clean(fields)
    if not authors:
        raise errors.Invalid({by: ["Missing data for required field."]})
    with unit_of_work() as session:
        _check_references(session, by, authors, categories, fields.get("publisher_id"))
        sku = fields.pop("sku", None) or fields.get("isbn") or f"book:{secrets.token_hex(6)}"
        book = Book(**fields, sku=sku, author_id=authors[0], stock=0, version=1)
        _refuse_taken(session, book)
        session.add(book)
        _flush_unique(session)
        _hang(session, book.id, authors, categories)
        stock.set_level(session, book, copies, actor.label)
        session.flush()
        search.index_books(session, [book.id])
        catalog_cache.changed()
        first = events.first_sequence(session)
        events.record("book.created", event_data(book), aggregate_id=book.id, sequence=first)
    return book


def update_book(
    actor: Acting,
    book_id: int,
    changes: dict[str, Any],
    *,
    version: int | None = None,
    seen_stock: int | None = None,
    stock_note: str = "",
) -> Book:
    """Change a book and return it.

    Args:
        actor: staff.
        book_id: which.
        changes: as in ``create_book``, only what changes.
        version: refuse unless the book still has this version.
        seen_stock: refuse a change of ``stock`` unless it still is this: sales go on while
            staff counts, and a level set on an old count would sell copies twice.
        stock_note: why ``stock`` changes, for the ledger.

    Raises:
        NotFound: there is no such book.
        PreconditionFailed: it has changed meanwhile.
        Forbidden, Invalid, IsbnTaken, SkuTaken: as in ``create_book``.
    """
    require_staff(actor)
    asked = sorted(changes)
    changes = dict(changes)
    by = "author_ids" if "author_ids" in changes else "author_id"
    authors, categories = _take_lists(changes)
    copies = changes.pop("stock", None)
    _clean(changes)
    with unit_of_work() as session:
        # No key is changed: who only refers to the book need not wait.
        lock = {"key_share": True}
        book = session.get(Book, book_id, with_for_update=lock, populate_existing=True)
        if book is None:
            raise errors.NotFound(f"There is no book {book_id}.")
        _refuse_stale(book, version)
        if copies is not None and seen_stock is not None and seen_stock != book.stock:
            raise errors.PreconditionFailed("The stock has changed since; read it again.")
        _check_references(session, by, authors, categories, changes.get("publisher_id"))
        if "sku" in changes and not changes["sku"]:
            changes["sku"] = changes.get("isbn", book.isbn) or f"book:{secrets.token_hex(6)}"
        if "cover_url" in changes:
            _take_cover_url(session, book, changes)
        for name, value in changes.items():
            setattr(book, name, value)
        if authors:
            book.author_id = authors[0]
        book.version += 1
        _refuse_taken(session, book)
        _flush_unique(session)
        _hang(session, book.id, authors, categories)
        if copies is not None:
            stock.set_level(session, book, copies, actor.label, stock_note)
            session.flush()
        search.index_books(session, [book.id])
        catalog_cache.changed()
        changed = {"changed": asked}
        events.record("book.updated", event_data(book) | changed, aggregate_id=book.id)
    return book


def set_cover(session: Session, book: Book, names: str) -> None:
    """Give a locked book an uploaded cover (``Book.cover_names``), as an edit like any other."""
    if book.cover_names == names:
        return
    book.cover_names = names
    book.version += 1
    session.flush()
    catalog_cache.changed()
    events.record("book.updated", event_data(book) | {"changed": ["cover"]}, aggregate_id=book.id)


def set_prices(session: Session, prices: Mapping[int, int]) -> None:
    """Give locked books new prices, as edits like any other; a fixed number of statements.

    Args:
        session: of a unit of work, in which their rows were locked.
        prices: book id → price in minor units, another one than it has.
    """
    if not prices:
        return
    table = Book.__table__
    session.connection().execute(
        update(table)
        .where(table.c.id == bindparam("b_id"))
        .values(price=bindparam("b_price"), version=table.c.version + 1, updated_at=clock.now()),
        [{"b_id": book_id, "b_price": price} for book_id, price in sorted(prices.items())],
    )
    catalog_cache.changed()
    told = [
        table.c[name] for name in ("id", "title", "isbn", "status", "price", "stock", "version")
    ]
    books = session.execute(select(*told).where(table.c.id.in_(prices)).order_by(table.c.id))
    about = {book.id: event_data(book) | {"changed": ["price"]} for book in books}
    bulk_events.record_many("book.updated", about)


def delete_book(actor: Acting, book_id: int, *, version: int | None = None) -> None:
    """Take a book out of the catalogue, with its reviews and its places in carts.

    Raises:
        NotFound, Forbidden: as ever.
        BookInOrders: somebody ordered it.
        PreconditionFailed: it has changed meanwhile.
    """
    require_staff(actor)
    with unit_of_work() as session:
        book = session.get(Book, book_id, with_for_update=True, populate_existing=True)
        if book is None:
            raise errors.NotFound(f"There is no book {book_id}.")
        _refuse_stale(book, version)
        if session.scalar(select(OrderItem.id).where(OrderItem.book_id == book_id).limit(1)):
            raise errors.BookInOrders
        try:
            session.execute(delete(Book).where(Book.id == book_id))
        except IntegrityError:
            # An order was placed between the look and the leap.
            raise errors.BookInOrders from None
        catalog_cache.changed()


def event_data(book: "Book | AnyRow") -> dict[str, Any]:
    """Return what events tell of a book."""
    currency = settings().currency
    return {
        "book_id": book.id,
        "title": book.title,
        "isbn": book.isbn,
        "status": book.status,
        "price": money.to_text(book.price, currency),
        "currency": currency,
        "stock": book.stock,
        "version": book.version,
    }


def _take_lists(fields: dict[str, Any]) -> tuple[list[int] | None, list[int] | None]:
    one, many = fields.pop("author_id", None), fields.pop("author_ids", None)
    authors = list(dict.fromkeys(many or ([] if one is None else [one]))) or None
    categories = fields.pop("category_ids", None)
    return authors, None if categories is None else list(dict.fromkeys(categories))


def _clean(fields: dict[str, Any]) -> None:
    if fields.get("description"):
        fields["description"] = sanitise_html(fields["description"])
    if fields.get("isbn") is not None:
        text = fields["isbn"]
        if not isbn.is_format(text):
            raise errors.Invalid({"isbn": ["Not an ISBN: 10 or 13 digits (dashes allowed)."]})
        if settings().isbn_checksum and not isbn.has_valid_checksum(text):
            raise errors.Invalid({"isbn": ["The check digit is wrong."]})
        fields["isbn"] = isbn.normalise(text)


def _take_cover_url(session: Session, book: Book, changes: dict[str, Any]) -> None:
    """Let the cover that staff names take the place of one that was uploaded."""
    shown = cover_links.links(book.cover_names, book.cover_url)
    if shown is not None and changes["cover_url"] == shown["url"]:
        # Sent back as it was read, by a client that writes whole records.
        del changes["cover_url"]
        return
    book.cover_names = None
    session.execute(
        update(CoverUpload)
        .where(CoverUpload.book_id == book.id, CoverUpload.status == "pending")
        .values(status="superseded", next_attempt_at=None, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def _check_references(
    session: Session,
    by: str,
    authors: Sequence[int] | None,
    categories: Sequence[int] | None,
    publisher_id: int | None,
) -> None:
    wrong: dict[str, list[str]] = {}
    for name, model, ids in (
        (by, Author, authors or []),
        ("category_ids", Category, categories or []),
        ("publisher_id", Publisher, [] if publisher_id is None else [publisher_id]),
    ):
        if ids:
            known = set(session.scalars(select(model.id).where(model.id.in_(ids))))
            missing = [str(i) for i in ids if i not in known]
            if missing:
                wrong[name] = [f"There is no {model.__name__.lower()} {', '.join(missing)}."]
    if wrong:
        raise errors.Invalid(wrong)


def _refuse_stale(book: Book, version: int | None) -> None:
    if version is not None and version != book.version:
        raise errors.PreconditionFailed


def _refuse_taken(session: Session, book: Book) -> None:
    same = Book.sku == book.sku
    if book.isbn is not None:  # many books have none
        same |= Book.isbn == book.isbn
    with session.no_autoflush:
        for row in session.execute(select(Book.id, Book.isbn).where(same)):
            if row.id != book.id:
                isbn_too = book.isbn is not None and row.isbn == book.isbn
                raise errors.IsbnTaken if isbn_too else errors.SkuTaken


def _flush_unique(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise errors.IsbnTaken if "isbn" in str(error.orig) else errors.SkuTaken from None


def _hang(
    session: Session, book_id: int, authors: list[int] | None, categories: list[int] | None
) -> None:
    if authors is not None:
        session.execute(delete(book_authors).where(book_authors.c.book_id == book_id))
        session.execute(
            insert(book_authors),
            [
                {"book_id": book_id, "author_id": author_id, "position": place}
                for place, author_id in enumerate(authors)
            ],
        )
    if categories is not None:
        session.execute(delete(book_categories).where(book_categories.c.book_id == book_id))
        if categories:
            session.execute(
                insert(book_categories),
                [{"book_id": book_id, "category_id": shelf} for shelf in categories],
            )
