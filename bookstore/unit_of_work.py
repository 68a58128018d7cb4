"""The one place that commits.

A service opens ``with unit_of_work() as session:`` around its writes. Opened inside another
it joins that one. Work for the world outside the database is handed to ``after_commit`` and
runs when, and only when, the outermost commit has succeeded. A ``Witness`` of what is done may
add to each transaction before it is committed.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.orm import ORMExecuteState, Session, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, manager_of_class

from bookstore import routing
from bookstore.extensions import db
from bookstore.prepared import Prepared, Rows, Values

log = logging.getLogger(__name__)

T = TypeVar("T")
# In the order in which they were first handed over; those with a list are given it.
_Hooks = dict[Callable[..., None], list[Any] | None]

_ACTIVE, _HOOKS, _DOOMED, _UNSAVED = "uow", "uow_hooks", "uow_doomed", "uow_unsaved"
_CONNECTION, _READING = "uow_connection", "reading_connection"


class Witness(Protocol):
    """Follows what is written, whoever writes it, and has a last word in each transaction."""

    def written(self, rows: Iterable[object]) -> None:
        """Look at objects that were inserted, changed or deleted; they have their keys."""

    def before_commit(self, session: Session) -> None:
        """Write what goes with a transaction that has written something."""

    def after_commit(self) -> None:
        """Learn that it stands."""

    def after_rollback(self) -> None:
        """Learn that nothing of it does."""


_witness: ContextVar[Witness | None] = ContextVar("witness", default=None)


@contextmanager
def witnessed(witness: Witness | None) -> Iterator[None]:
    """Have a witness (or, for a while, none) of whatever is committed inside."""
    before = _witness.set(witness)
    try:
        yield
    finally:
        _witness.reset(before)


def witness_from_now_on(witness: Witness) -> None:
    """Have a witness for as long as the process lives: a shell has no inside and outside."""
    _witness.set(witness)


def witness() -> Witness | None:
    """Return the present witness."""
    return _witness.get()


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Yield the session inside one transaction; commit at the end, roll back on any error.

    The transaction starts fresh: what was read before is read again, so a decision never
    rests on an old snapshot. On SQLite it takes the write lock at once.

    Raises:
        RuntimeError: the session holds changes made outside a unit of work (say, by hand in
            the shell); starting afresh would lose them.
    """
    session = db.session()
    if session.info.get(_ACTIVE):
        try:
            yield session
        except BaseException:
            # Half of the inner work may be in the session: nobody may commit it now.
            session.info[_DOOMED] = True
            raise
        return
    if session.in_transaction():
        if _has_unsaved(session):
            raise RuntimeError("The session has unsaved changes: commit or roll back first.")
        session.rollback()
    hooks: _Hooks = {}
    # What follows this may not know less than it wrote.
    routing.stay_at_primary(session)
    session.info.update({_ACTIVE: True, _HOOKS: hooks, _DOOMED: False})
    try:
        session.info[_CONNECTION] = session.connection(execution_options={"bookstore_write": True})
        yield session
        if session.info[_DOOMED]:
            raise RuntimeError("A unit of work that failed inside was about to be committed.")
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        for key in (_ACTIVE, _HOOKS, _DOOMED, _CONNECTION):
            session.info.pop(key, None)
    for hook, items in hooks.items():
        try:
            hook() if items is None else hook(items)
        except Exception:
            # The commit stands. Whatever a hook wakes must also find its work by itself.
            log.exception("after-commit hook failed", extra={"hook": repr(hook)})


def execute(session: Session, statement: Prepared, values: Values = None) -> Rows:
    """Execute a statement in the session's transaction, past its objects.

    For what each request does: this costs a fifth of ``Session.execute`` with a statement that is
    built each time. Nothing is flushed before, and objects that the session holds are not told.

    Args:
        session: whose transaction it is.
        statement: what it returns are rows of columns.
        values: for its bindparams; a list: of an INSERT, whose rows they are.
    """
    # A savepoint begins when its session's connection is first asked for.
    nested = session.in_nested_transaction()
    connection = session.connection() if nested else session.info.get(_CONNECTION)
    if statement.is_select:
        if connection is None:
            connection = reading(session)
            if not isinstance(connection, Connection):
                return Rows(list(connection.execute(statement.statement, values)))
    else:
        session.info[_UNSAVED] = True
        if connection is None:
            connection = session.connection()
    return statement.execute(connection, values)


def reading(session: Session) -> Connection | Session:
    """Return where statements that only read are executed: the session's connection.

    On PostgreSQL each statement sees what was committed before it began, in a transaction of
    several as well. So where none is open none is opened, which spares BEGIN and ROLLBACK.

    Where a replica may be asked it is the session itself, which knows another way if that fails.
    """
    if routing.reads_since(session) is not None:
        return session
    if session.in_transaction():
        held: Connection | None = session.info.get(_READING)
        return held if held is not None and not held.closed else session.connection()
    options = {"isolation_level": "AUTOCOMMIT"} if db.engine.dialect.name == "postgresql" else {}
    session.info[_READING] = found = session.connection(execution_options=options)
    return found


def adopt(session: Session, kind: type[T], values: Mapping[str, Any]) -> T:
    """Return an object of a row that ``execute`` has inserted, which the session then holds as if
    it had read it.

    Args:
        session: in which it was.
        kind: of the object.
        values: its columns, with its key; what is not there is read when it is asked for.
    """
    row: T = manager_of_class(kind).new_instance()
    instance_dict(row).update(values)
    make_transient_to_detached(row)
    session.add(row)
    if (present := _witness.get()) is not None:
        present.written([row])
    return row


def new_snapshot() -> None:
    """Let go of what the session has read, so that the next read sees every commit until now.

    A transaction on SQLite goes on seeing the moment of its first read. Does nothing inside a
    unit of work or over unsaved changes.
    """
    session = db.session()
    if session.in_transaction() and not session.info.get(_ACTIVE) and not _has_unsaved(session):
        session.rollback()


def read_from_replicas(since: float) -> None:
    """Let what is read from now on, until the next unit of work, come from a replica.

    Does nothing inside a unit of work or over unsaved changes.

    Args:
        since: one that has all commits before this moment (``replicas``).
    """
    session = db.session()
    if not session.info.get(_ACTIVE) and not _has_unsaved(session):
        new_snapshot()
        routing.read_from_replicas(session, since)


def after_commit(hook: Callable[[], None]) -> None:
    """Run ``hook`` once the present unit of work has committed; never if it rolls back.

    One that is handed over several times runs once.

    Raises:
        RuntimeError: there is no unit of work.
    """
    _hooks().setdefault(hook, None)


def collect_after_commit(hook: Callable[[list[T]], None], item: T) -> None:
    """As ``after_commit``; ``hook`` is given, in one list, all items collected for it.

    Raises:
        RuntimeError: there is no unit of work.
    """
    items = _hooks().setdefault(hook, [])
    if items is not None:
        items.append(item)


def _hooks() -> "_Hooks":
    hooks: _Hooks | None = db.session().info.get(_HOOKS)
    if hooks is None:
        raise RuntimeError("after_commit needs a unit of work.")
    return hooks


def _has_unsaved(session: Session) -> bool:
    made_by_hand = session.info.get(_UNSAVED) or session.new or session.dirty or session.deleted
    return bool(made_by_hand)


@event.listens_for(Session, "after_flush")
def _flushed(session: Session, _context: Any) -> None:
    session.info[_UNSAVED] = True
    if (present := _witness.get()) is not None:
        present.written([*session.new, *session.dirty, *session.deleted])


@event.listens_for(Session, "do_orm_execute")
def _executed(state: ORMExecuteState) -> None:
    if not state.is_select:
        state.session.info[_UNSAVED] = True


@event.listens_for(Session, "before_commit")
def _committing(session: Session) -> None:
    present = _witness.get()
    if present is None or session.in_nested_transaction():
        return
    session.flush()
    if session.info.get(_UNSAVED):
        present.before_commit(session)


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: what was written is not saved yet
    session.info.pop(_UNSAVED, None)
    if (present := _witness.get()) is not None:
        present.after_commit()


@event.listens_for(Session, "after_rollback")
def _rolled_back(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.info.pop(_UNSAVED, None)
    if (present := _witness.get()) is not None:
        present.after_rollback()
