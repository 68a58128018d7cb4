"""The work of a price update: reading its file, applying it, taking it back.

Each batch is one transaction with the note that it is done, so a worker may be killed anywhere: the
next one goes on behind it, and no price is changed twice.
"""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors, money
from bookstore.extensions import db, settings
from bookstore.models import Book, PriceUpdate, PriceUpdateRow
from bookstore.models.price_updates import FAILED, READING
from bookstore.scrubbing import open_address
from bookstore.services import audit, catalog_editing, incoming_files, job_ends
from bookstore.services.actors import Acting, require_staff
from bookstore.services.price_files import MAX_BYTES, Matcher, PriceFile
from bookstore.services.steps import Steps
from bookstore.unit_of_work import new_snapshot

BATCH = 500
_rows = PriceUpdateRow.__table__.c


def work(update_id: int, act: str, steps: Steps) -> dict[str, int]:
    """Do one of ``read``, ``apply`` and ``undo``, and return the counts of outcomes.

    Without a preview, what was read is applied at once.

    Raises:
        Forbidden: who asked is not staff (any more).
        NotFound: there is no such price update.
        Invalid, FileUnavailable: the file is none; that is written down too.
    """
    require_staff(steps.actor)
    found = _get(update_id)
    if found.status == FAILED:
        raise errors.Invalid({"file": [found.failure]}, found.failure)
    if act == "read":
        if found.status == READING:
            _read_sent(found, steps)
        act = "apply" if not found.is_preview else act
    if act != "read":
        go_through(update_id, act, steps)
    return counts(update_id)


def counts(update_id: int) -> dict[str, int]:
    """Return outcome → rows, of those that there are."""
    query = select(_rows.outcome, func.count()).where(_rows.update_id == update_id)
    return dict(db.session.execute(query.group_by(_rows.outcome)).all())


# -- reading -----------------------------------------------------------------------------------
def read(update_id: int, path: Path, steps: Steps) -> None:
    """Write down what the rows of a file come to; an update that is no preview is then applying.

    Raises:
        Invalid: it is no file of prices.
    """
    file = PriceFile(path)
    steps.total = file.total
    matcher = Matcher(update_id, file.named_by, _seen(update_id))
    for batch in file.batches(after=steps.state.get("row", 1)):
        with steps.batch(len(batch), row=batch[-1][0]) as session:
            matcher.write(session, batch)
    with steps.batch(0) as session:
        found = session.get_one(PriceUpdate, update_id)
        found.status = "previewed" if found.is_preview else "applying"
        found.named_by, found.key = file.named_by, None


def _read_sent(found: PriceUpdate, steps: Steps) -> None:
    """Read the file that was sent, or that is at an address."""
    update_id, key = found.id, found.key
    try:
        if key is None:
            key = incoming_files.fetch(found.url or "", MAX_BYTES)
            with steps.batch(0) as session:
                fetched = session.get_one(PriceUpdate, update_id)
                fetched.key, fetched.url = key, open_address(fetched.url or "")
        with incoming_files.local_copy(key, MAX_BYTES) as path:
            read(update_id, path, steps)
    except errors.Invalid as error:
        # Unless another has the job by now, for whom the file may be a good one.
        with steps.batch(0) as session:
            job_ends.settle(session, {"price_update_id": update_id}, error.detail)
        raise
    finally:
        if key is not None and _get(update_id).key is None:
            incoming_files.drop(key)


def _seen(update_id: int) -> dict[int, int]:
    new_snapshot()
    query = select(_rows.book_id, _rows.row).where(
        _rows.update_id == update_id, _rows.book_id.is_not(None)
    )
    return dict(db.session.execute(query).all())


# -- applying and undoing ----------------------------------------------------------------------
class _Act(NamedTuple):
    """Outcomes of rows: before, after, and after if somebody else has changed the price; and what
    is true of the update once there are none left."""

    left: str
    done: str
    overtaken: str
    status: str
    moment: str


_ACTS = {
    "apply": _Act("waiting", "changed", "changed_since_preview", "applied", "applied_at"),
    "undo": _Act("changed", "undone", "changed_since_update", "undone", "undone_at"),
}


def go_through(update_id: int, act: str, steps: Steps) -> None:
    """Apply or undo an update: whatever rows are left to do."""
    kind = _ACTS[act]
    new_snapshot()
    steps.total = steps.done + counts(update_id).get(kind.left, 0)
    while True:
        wanted = select(_rows.row).where(_rows.update_id == update_id, _rows.outcome == kind.left)
        new_snapshot()
        numbers = list(db.session.scalars(wanted.order_by(_rows.row).limit(BATCH)))
        if not numbers:
            break
        with steps.batch(len(numbers)) as session:
            _do(session, steps.actor, update_id, act, numbers)
    with steps.batch(0) as session:
        found = session.get_one(PriceUpdate, update_id)
        if found.status != kind.status:
            found.status = kind.status
            setattr(found, kind.moment, clock.now())


def _do(session: Session, actor: Acting, update_id: int, act: str, numbers: list[int]) -> None:
    """Work on these rows: a fixed number of statements."""
    kind = _ACTS[act]
    which = (_rows.update_id == update_id) & _rows.row.in_(numbers) & (_rows.outcome == kind.left)
    # Locked: a command may be at it too, and would take what we did for somebody else's change.
    rows = session.execute(
        select(_rows.id, _rows.book_id, _rows.old_price, _rows.new_price)
        .where(which)
        .order_by(_rows.row)
        .with_for_update()
    ).all()
    prices = {
        book.id: book.price
        for book in session.execute(
            select(Book.id, Book.price)
            .where(Book.id.in_([row.book_id for row in rows]))
            .order_by(Book.id)
            .with_for_update(key_share=True)
        )
    }
    outcomes: dict[str, list[int]] = {kind.done: [], kind.overtaken: [], "gone": []}
    changes: dict[int, int] = {}
    for row in rows:
        expected, wanted = row.old_price, row.new_price
        if act == "undo":
            expected, wanted = wanted, expected
        if row.book_id not in prices:
            outcomes["gone"].append(row.id)
        elif prices[row.book_id] != expected:
            outcomes[kind.overtaken].append(row.id)
        else:
            outcomes[kind.done].append(row.id)
            changes[row.book_id] = wanted
    catalog_editing.set_prices(session, changes)
    currency = settings().currency
    details = {
        book_id: {"price": money.to_text(price, currency), "price_update": update_id}
        for book_id, price in changes.items()
    }
    audit.note_each(session, actor, f"price_updates.{act}", "book", details)
    for outcome, ids in outcomes.items():
        if ids:
            session.execute(
                update(PriceUpdateRow.__table__).where(_rows.id.in_(ids)).values(outcome=outcome)
            )


def _get(update_id: int) -> PriceUpdate:
    new_snapshot()
    found = db.session.get(PriceUpdate, update_id)
    if found is None:
        raise errors.NotFound(f"There is no price update {update_id}.")
    return found
