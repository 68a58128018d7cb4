"""Covers of books: staff asks for a form, sends the file to the store, and says that it is there.

What then becomes of it is in ``cover_making``.
"""

import re
import secrets
from typing import Any

from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, CoverUpload
from bookstore.services import cover_links, cover_making, storage
from bookstore.services.actors import Acting, require_staff
from bookstore.services.cover_images import REASONS
from bookstore.unit_of_work import collect_after_commit, new_snapshot, unit_of_work

FORM_SECONDS = 900


def offer(actor: Acting, book_id: int, content_type: str, size: int) -> dict[str, Any]:
    """Return ``upload`` (url, method, fields), ``key`` and ``expires_at`` of a form for a cover.

    Nothing is written: a form that is not used is nothing to look after.

    Args:
        actor: staff.
        book_id: whose cover it will be.
        content_type: one of ``models.covers.CONTENT_TYPES``; the store takes no other.
        size: in bytes; the store takes no other.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such book.
        StorageUnavailable: there are no credentials to sign with.
    """
    require_staff(actor)
    _require_book(book_id)
    new_snapshot()
    key = f"incoming/{book_id}/{secrets.token_urlsafe(18)}"
    with storage.asking() as store:
        form = store.form(key, content_type, size, FORM_SECONDS)
    return {
        "upload": {"url": form.url, "method": "POST", "fields": form.fields},
        "key": key,
        "expires_at": form.expires_at,
    }


def complete(actor: Acting, book_id: int, key: str) -> dict[str, Any]:
    """Accept an upload: from here on it becomes the book's cover, or staff is told why not.

    A key is good for one upload. Said again, it is the same one.

    Returns:
        As ``get``.

    Raises:
        Forbidden, NotFound: as in ``offer``.
        Invalid: the key is none of this book's.
        CoverNotUploaded: there is nothing under it.
        StorageUnavailable: the store cannot be asked.
    """
    require_staff(actor)
    if re.fullmatch(rf"incoming/{book_id}/[A-Za-z0-9_\-]{{24}}", key, re.ASCII) is None:
        raise errors.Invalid({"key": ["Not a key of this book."]})
    _require_book(book_id)
    known = db.session.scalar(select(CoverUpload.id).where(CoverUpload.key == key))
    # The store may take seconds: no transaction waits for it.
    new_snapshot()
    if known is None:
        with storage.asking() as store:
            if store.size(key) is None:
                raise errors.CoverNotUploaded
    with unit_of_work() as session:
        # One at a time: of two that say the same, the second finds what the first has written.
        lock = {"key_share": True}
        book = session.get(Book, book_id, with_for_update=lock, populate_existing=True)
        if book is None:
            raise errors.NotFound(f"There is no book {book_id}.")
        upload = session.scalar(select(CoverUpload).where(CoverUpload.key == key))
        if upload is None:
            upload = CoverUpload(book_id=book_id, key=key, actor=actor.label)
            session.add(upload)
            session.flush()
        if upload.status == "pending":
            collect_after_commit(cover_making.queue_all, upload.id)
        return _view(book, upload)


def get(actor: Acting, book_id: int) -> dict[str, Any]:
    """Return the book's ``cover``, and ``upload``: what became of the last one (None: no such).

    Raises:
        Forbidden: not staff.
        NotFound: there is no such book.
    """
    require_staff(actor)
    book = db.session.get(Book, book_id)
    if book is None:
        raise errors.NotFound(f"There is no book {book_id}.")
    newest = select(CoverUpload).where(CoverUpload.book_id == book_id)
    return _view(book, db.session.scalar(newest.order_by(CoverUpload.id.desc()).limit(1)))


def _require_book(book_id: int) -> None:
    if db.session.scalar(select(Book.id).where(Book.id == book_id)) is None:
        raise errors.NotFound(f"There is no book {book_id}.")


def _view(book: Book, upload: CoverUpload | None) -> dict[str, Any]:
    return {
        "cover": cover_links.links(book.cover_names, book.cover_url),
        "upload": upload
        and {
            "key": upload.key,
            "status": upload.status,
            "failure": upload.failure,
            "detail": upload.failure and REASONS[upload.failure],
            "created_at": upload.created_at,
            "updated_at": upload.updated_at,
        },
    }
