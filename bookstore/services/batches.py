"""Work on many rows, some at a time: no statement past its time, no lock that others wait for.

Each batch is a unit of work of its own, unless the caller has one open. What is done stays done
when a later batch fails; so whatever is done here must be fit to be done again.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from bookstore.unit_of_work import unit_of_work


def until_fewer(size: int, some: Callable[[Session], int]) -> int:
    """Call ``some`` until it returns less than ``size``; return the sum."""
    count, last = 0, size
    while last == size:
        with unit_of_work() as session:
            last = some(session)
        count += last
    return count


def by_ids(
    size: int,
    id_: Any,
    some: Callable[[Session, ColumnElement[bool]], int],
    which: ColumnElement[bool] | None = None,
) -> int:
    """Call ``some`` for one stretch of ids after the other; return the sum.

    However few rows there are to work on, it looks at no more than a stretch at once.

    Args:
        size: rows of a stretch.
        id_: the column; indexed, after those of ``which``.
        some: given the session and the condition that a row is of the stretch.
        which: only of these rows.
    """
    count, done = 0, -1
    while True:
        stretch = id_ > done if which is None else which & (id_ > done)
        last = select(id_).where(stretch).order_by(id_).offset(size - 1).limit(1)
        with unit_of_work() as session:
            up_to: int | None = session.scalar(last)
            count += some(session, stretch if up_to is None else stretch & (id_ <= up_to))
        if up_to is None:
            return count
        done = up_to


def rowcount(session: Session, statement: Any) -> int:
    """Execute an UPDATE or DELETE that no loaded object needs to know of; return how many rows."""
    done: Any = session.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)
