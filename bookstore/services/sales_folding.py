"""Folding what has changed into the sums of what was sold, and finding sums that are wrong.

Both work in statements that see one moment, so that they are right while orders go on.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.models import (
    BookDay,
    BookTotal,
    Order,
    OrderItem,
    Payment,
    Refund,
    SalesChange,
    SalesDay,
)
from bookstore.services import batches
from bookstore.services.sales_sums import PAID
from bookstore.services.sql import AnySelect, on_sqlite, upsert
from bookstore.unit_of_work import unit_of_work

BATCH = 20_000

log = logging.getLogger(__name__)

_change = SalesChange.__table__.c
_day_sum, _book_sum, _total = SalesDay.__table__.c, BookDay.__table__.c, BookTotal.__table__.c
_OF_BOOK = _change.book_id.is_not(None)
_ZERO: ColumnElement[int] = literal_column("0", Integer())
_DAY_KEY, _DAY_SUMS = ("day", "currency", "status"), ("orders", "paid", "amount")
_BOOK_KEY, _BOOK_SUMS = ("day", "currency", "book_id"), ("copies", "amount")


def fold() -> int:
    """Add what has changed to the sums; return how many changes there were.

    Whoever stops it half-way finds every change either in the sums or still waiting.
    """
    return batches.until_fewer(BATCH, _fold_some)


def _fold_some(session: Session) -> int:
    _one_moment(session)
    last = select(_change.id).order_by(_change.id).limit(BATCH).subquery()
    many, up_to = session.execute(select(func.count(), func.max(last.c.id))).one()
    if many:
        these = _change.id <= up_to
        of_day, of_book = (these & one for one in (_change.book_id.is_(None), _OF_BOOK))
        for table, key, sums, which in (
            (SalesDay, _DAY_KEY, _DAY_SUMS, of_day),
            (BookDay, _BOOK_KEY, _BOOK_SUMS, of_book),
            (BookTotal, _BOOK_KEY[1:], _BOOK_SUMS, of_book),
        ):
            _add(session, table, key, sums, _folded(which, key, sums))
        batches.rowcount(session, delete(SalesChange).where(these))
    return int(many)


def _folded(which: Any, key: Sequence[str], sums: Sequence[str]) -> AnySelect:
    """Select the sums of some changes."""
    keys = [_change[name] for name in key]
    added: AnySelect = select(*keys, *(func.sum(_change[name]) for name in sums))
    # In their order, so that the rows of a day stand together.
    return added.where(which).group_by(*keys).order_by(*keys)


def _add(
    session: Session, table: Any, key: Sequence[str], sums: Sequence[str], query: AnySelect
) -> int:
    adding = upsert(session, table.__table__).from_select([*key, *sums], query)
    there = table.__table__.c
    return _written(
        session,
        adding.on_conflict_do_update(
            index_elements=list(key),
            set_={name: there[name] + adding.excluded[name] for name in sums},
        ),
    )


def _insert(session: Session, table: Any, query: AnySelect, names: Sequence[str]) -> int:
    statement = insert(table.__table__).from_select(list(names), query, include_defaults=False)
    return _written(session, statement)


def _written(session: Session, statement: Any) -> int:
    # Of an INSERT it is kept only for who asks.
    done: Any = session.execute(statement.execution_options(preserve_rowcount=True))
    return int(done.rowcount)


def _one_moment(session: Session) -> None:
    """Let nobody else write sums, and have all statements of the transaction see what there is
    when that is so."""
    if not on_sqlite():
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        _lock(session)


# -- against the orders ------------------------------------------------------------------------
def recount(since: date | None = None) -> int:
    """Bring the sums into line with the orders; return how many were not.

    Needed after orders were changed past the shop: by hand, or by a version without sums.

    Args:
        since: only of this day and later.
    """
    with unit_of_work() as session:
        _without_limits(session)
        _lock(session)
        # As changes: whoever folds meanwhile changes nothing in what both are together.
        wrong = sum(
            _insert(session, SalesChange, query, names)
            for query, names in (
                (wrong_days(since), (*_DAY_KEY, *_DAY_SUMS)),
                (wrong_books(since), (*_BOOK_KEY, *_BOOK_SUMS)),
            )
        )
    fold()
    with unit_of_work() as session:
        _without_limits(session)
        _lock(session)
        wrong += _add(session, BookTotal, _BOOK_KEY[1:], _BOOK_SUMS, wrong_totals())
    return wrong


def fill(session: Session) -> None:
    """Write the sums of a shop that has none yet."""
    _insert(session, SalesDay, wrong_days(), (*_DAY_KEY, *_DAY_SUMS))
    _insert(session, BookDay, wrong_books(), (*_BOOK_KEY, *_BOOK_SUMS))
    _insert(session, BookTotal, wrong_totals(), (*_BOOK_KEY[1:], *_BOOK_SUMS))


def recount_lately(days: int = 7) -> int:
    """Recount from the oldest order on that was touched in the last days.

    Processes of a release without sums leave them wrong; so does a change by hand.

    Returns:
        how many sums were wrong.
    """
    since = clock.now() - timedelta(days=days)
    paid = select(Payment.order_id).where(Payment.updated_at >= since)
    touched = or_(Order.updated_at >= since, Order.id.in_(paid))
    with unit_of_work() as session:
        _without_limits(session)
        oldest = session.scalar(select(func.min(Order.created_at)).where(touched))
    wrong = recount(min(oldest or since, since).date())
    if wrong:
        log.warning("sums of sales were wrong", extra={"sums": wrong})
    return wrong


def wrong_days(since: date | None = None) -> AnySelect:
    """Find sums of ``sales_days`` that are not those of the orders: by how much they are less."""
    day = _day(Order.created_at)
    placed = select(
        day.label("day"), Order.currency, Order.status, func.count().label("orders"),
        _ZERO.label("paid"), _ZERO.label("amount"),
    ).group_by(day, Order.currency, Order.status)  # fmt: skip
    came = (
        select(
            day,
            Payment.currency,
            literal(""),
            _ZERO,
            func.count(Payment.order_id.distinct()),
            func.sum(Payment.amount_received - Payment.amount_withdrawn),
        )
        .join(Order, Order.id == Payment.order_id)
        .where(Payment.amount_received > 0)
        .group_by(day, Payment.currency)
    )
    went = (
        select(day, Refund.currency, literal(""), _ZERO, _ZERO, -func.sum(Refund.amount))
        .join(Order, Order.id == Refund.order_id)
        .where(Refund.status == "succeeded")
        .group_by(day, Refund.currency)
    )
    true = [_lately(query, since) for query in (placed, came, went)]
    return _off(true, _DAY_KEY, _DAY_SUMS, _day_sum, _change.book_id.is_(None), since)


def wrong_books(since: date | None = None) -> AnySelect:
    """Find sums of ``book_days`` that are not those of the orders' lines."""
    day = _day(Order.created_at)
    sold = (
        select(
            day.label("day"),
            Order.currency,
            OrderItem.book_id,
            func.sum(OrderItem.quantity).label("copies"),
            func.sum(OrderItem.quantity * OrderItem.price).label("amount"),
        )
        .join(Order, Order.id == OrderItem.order_id)
        .where(Order.status != "cancelled", Order.payment_status.in_(PAID))
        .group_by(day, Order.currency, OrderItem.book_id)
    )
    true = [_lately(sold, since)]
    return _off(true, _BOOK_KEY, _BOOK_SUMS, _book_sum, _OF_BOOK, since)


def wrong_totals() -> AnySelect:
    """Find totals of books that are not the sums of their days."""
    days = select(_book_sum.currency, _book_sum.book_id, _book_sum.copies, _book_sum.amount)
    less = select(_total.currency, _total.book_id, -_total.copies, -_total.amount)
    return _nonzero([days, less], _BOOK_KEY[1:], _BOOK_SUMS)


def _off(
    true: list[Any],
    key: Sequence[str],
    sums: Sequence[str],
    folded: Any,
    which: ColumnElement[bool],
    since: date | None,
) -> AnySelect:
    there = select(*(folded[name] for name in key), *(-folded[name] for name in sums))
    waiting = select(*(_change[name] for name in key), *(-_change[name] for name in sums))
    waiting = waiting.where(which)
    if since is not None:
        there, waiting = there.where(folded.day >= since), waiting.where(_change.day >= since)
    return _nonzero([*true, there, waiting], key, sums)


def _nonzero(parts: list[Any], key: Sequence[str], sums: Sequence[str]) -> AnySelect:
    found = union_all(*parts).subquery().c
    keys = [found[name] for name in key]
    added = [func.sum(found[name]) for name in sums]
    rows: AnySelect = select(
        *keys, *(one.label(name) for name, one in zip(sums, added, strict=True))
    )
    return rows.group_by(*keys).having(or_(*(one != 0 for one in added)))


def _lately(query: Any, since: date | None) -> Any:
    if since is None:
        return query
    return query.where(Order.created_at >= datetime.combine(since, time(), UTC))


def _day(at: Any) -> ColumnElement[date]:
    if on_sqlite():
        return type_coerce(func.date(at), Date())
    return cast(func.timezone("UTC", at), Date())


def _lock(session: Session) -> None:
    if not on_sqlite():
        session.execute(text("LOCK TABLE sales_days IN SHARE ROW EXCLUSIVE MODE"))


def _without_limits(session: Session) -> None:
    if not on_sqlite():
        session.execute(text("SET LOCAL statement_timeout = 0"))
