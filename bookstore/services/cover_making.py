"""Making covers of accepted uploads: by a job each, as often as it takes, with one outcome.

An upload is a row. Whoever works on it holds it for a while, by its row; when they die, the hold
runs out, and the sweep has another begin. Everything on the way may be done twice: names are made
of the bytes, and the book is changed together with the row.
"""

import base64
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.gateways.storage import NotStored, TooLarge
from bookstore.models import Book, CoverUpload
from bookstore.models.covers import MAX_BYTES
from bookstore.services import batches, catalog_editing, cover_images, storage
from bookstore.services.cover_images import BadImage
from bookstore.unit_of_work import new_snapshot, unit_of_work

log = logging.getLogger(__name__)

JOB = "bookstore.jobs.make_cover"
JOB_SECONDS = 120
# RQ ends a job a minute after its time at the latest: nobody else begins before.
HOLD = timedelta(seconds=240)
# An image that kills its worker may do so this often.
MAX_ATTEMPTS = 3
LONGEST_WAIT = timedelta(minutes=10)
# Longer than a form is good for, and than anybody takes to say that they have sent the file.
INCOMING_LIFETIME = timedelta(days=1)
UPLOAD_LIFETIME = timedelta(days=90)
_BATCH = 100


def make(upload_id: int) -> bool:
    """Make a book's cover of an upload; return whether anything was to do.

    What is wrong with the image is written down, for staff. That the store is away is written
    down too, and the sweep begins again later. Safe to run twice, also at once.
    """
    held = _hold(upload_id)
    if held is None:
        return False
    try:
        names = _keep(held.key)
    except BadImage as error:
        _fail(held, error.reason)
    except errors.StorageUnavailable:
        _put_off(held)
        return True
    else:
        _finish(held, names)
    try:
        with storage.asking() as store:
            store.delete(held.key)
    except errors.StorageUnavailable:
        log.warning("incoming file left", extra={"upload_id": held.id})  # for ``forget_incoming``
    return True


def queue_all(upload_ids: list[int]) -> None:
    """Have uploads worked on soon. A Redis that is away is no error: the sweep finds them."""
    for upload_id in upload_ids:
        queue.enqueue(JOB, upload_id, seconds=JOB_SECONDS)


def wake_due() -> None:
    """Queue what should have been worked on: what was queued for it may be lost.

    Raises:
        redis.RedisError: something is due and Redis is away.
    """
    new_snapshot()
    due = select(CoverUpload.id).where(CoverUpload.next_attempt_at <= clock.now())
    ids = list(db.session.scalars(due.order_by(CoverUpload.next_attempt_at).limit(_BATCH)))
    # While no worker comes, the queue does not grow with each turn.
    if ids and queue.depths()[queue.JOBS] < _BATCH:
        queue_all(ids)


def forget_incoming() -> int:
    """Delete files that nobody completed, or that a crash has left; return how many.

    Raises:
        StorageUnavailable: the store cannot be asked.
    """
    count = 0
    with storage.asking() as store:
        for key in store.older("incoming/", clock.now() - INCOMING_LIFETIME):
            new_snapshot()
            waits = (CoverUpload.key == key) & (CoverUpload.status == "pending")
            if db.session.scalar(select(CoverUpload.id).where(waits)) is None:
                new_snapshot()
                store.delete(key)
                count += 1
    return count


def forget_uploads() -> int:
    """Delete the rows of uploads that ended long ago; return how many."""
    over = CoverUpload.updated_at < clock.now() - UPLOAD_LIFETIME
    over &= CoverUpload.status != "pending"
    some = select(CoverUpload.id).where(over).limit(_BATCH)

    def forget(session: Session) -> int:
        return batches.rowcount(session, delete(CoverUpload).where(CoverUpload.id.in_(some), over))

    return batches.until_fewer(_BATCH, forget)


# -- inside ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Held:
    id: int
    book_id: int
    key: str
    created_at: datetime


def _hold(upload_id: int) -> _Held | None:
    """Take an upload that is due, for a while."""
    now = clock.now()
    with unit_of_work() as session:
        row = session.execute(
            update(CoverUpload)
            .where(
                CoverUpload.id == upload_id,
                CoverUpload.status == "pending",
                CoverUpload.next_attempt_at <= now,
            )
            .values(next_attempt_at=now + HOLD, attempts=CoverUpload.attempts + 1, updated_at=now)
            .returning(
                CoverUpload.book_id, CoverUpload.key, CoverUpload.created_at, CoverUpload.attempts
            )
            .execution_options(synchronize_session=False)
        ).first()
    if row is None:
        return None
    held = _Held(upload_id, row.book_id, row.key, row.created_at)
    if row.attempts > MAX_ATTEMPTS:
        _fail(held, "gave_up")
        return None
    return held


def _keep(key: str) -> str:
    """Make pictures of what is under a key, keep them, and return their names."""
    with storage.asking() as store:
        try:
            data = store.read(key, MAX_BYTES)
        except NotStored:
            raise BadImage("gone") from None
        except TooLarge:
            raise BadImage("damaged") from None
        names = []
        for picture in cover_images.thumbnails(data):
            digest = hashlib.sha256(picture).digest()[:16]
            names.append(base64.b32encode(digest).decode().rstrip("=").lower())
            store.put(f"covers/{names[-1]}.webp", picture, "image/webp")
    return " ".join(names)


def _finish(held: _Held, names: str) -> None:
    """Give the book its cover, unless somebody wanted another meanwhile."""
    with unit_of_work() as session:
        lock = {"key_share": True}
        book = session.get(Book, held.book_id, with_for_update=lock, populate_existing=True)
        upload = session.get(CoverUpload, held.id, populate_existing=True)
        if book is None or upload is None or upload.status != "pending":
            return
        newer = select(CoverUpload.id).where(
            CoverUpload.book_id == book.id,
            CoverUpload.id > upload.id,
            CoverUpload.status == "succeeded",
        )
        upload.next_attempt_at = None
        if session.scalar(newer.limit(1)) is not None:
            upload.status = "superseded"
            return
        upload.status = "succeeded"
        catalog_editing.set_cover(session, book, names)
    log.info("cover made", extra={"book_id": held.book_id, "upload_id": held.id})


def _fail(held: _Held, reason: str) -> None:
    """Write down that an upload will never be a cover; the book keeps the one it has."""
    _write(held, status="failed", failure=reason, next_attempt_at=None)
    told = {"book_id": held.book_id, "upload_id": held.id, "reason": reason}
    log.warning("cover refused", extra=told)


def _put_off(held: _Held) -> None:
    """Try again later: the longer it has been waiting, the later. It was no fault of the image."""
    waited = clock.now() - held.created_at
    wait = min(max(waited, timedelta(seconds=5)), LONGEST_WAIT)
    _write(held, next_attempt_at=clock.now() + wait, attempts=CoverUpload.attempts - 1)
    log.warning(
        "cover put off", extra={"upload_id": held.id, "seconds": round(wait.total_seconds())}
    )


def _write(held: _Held, **values: object) -> None:
    with unit_of_work() as session:
        session.execute(
            update(CoverUpload)
            .where(CoverUpload.id == held.id, CoverUpload.status == "pending")
            .values(updated_at=clock.now(), **values)
            .execution_options(synchronize_session=False)
        )
