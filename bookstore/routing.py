"""Which server a session asks: the primary, unless it may read from a replica.

A session that is told so (``read_from_replicas``) takes a replica at its first statement, and stays
with it until its transaction ends. One that breaks off, or cannot go on because what it reads was
cleaned up meanwhile, is left for the primary, which is asked the same once more: nobody notices.
"""

from typing import Any

import psycopg
from flask_sqlalchemy.session import Session as BindSession
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from bookstore import instruments, replicas
from bookstore.instruments import counting

_SINCE = "reads_replicas_since"


class RoutedSession(BindSession):
    """A session of the shop's."""

    def get_bind(
        self, mapper: Any = None, clause: Any = None, bind: Any = None, **kwargs: Any
    ) -> Engine | Connection:
        """Return where a statement goes."""
        if bind is None and (since := self.info.get(_SINCE)) is not None:
            bind = self._replica(since)
        return super().get_bind(mapper=mapper, clause=clause, bind=bind, **kwargs)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """As ``Session.execute``."""
        return self._ask(super().execute, *args, **kwargs)

    def scalar(self, *args: Any, **kwargs: Any) -> Any:
        """As ``Session.scalar``."""
        return self._ask(super().scalar, *args, **kwargs)

    def scalars(self, *args: Any, **kwargs: Any) -> Any:
        """As ``Session.scalars``."""
        return self._ask(super().scalars, *args, **kwargs)

    def _ask(self, ask: Any, *args: Any, **kwargs: Any) -> Any:
        if _SINCE not in self.info:
            return ask(*args, **kwargs)
        try:
            return ask(*args, **kwargs)
        except DBAPIError as error:
            # One that idled for too long is ended by an error of another class.
            broke = isinstance(error, OperationalError) or error.connection_invalidated
            if not broke or not self._leave(error):
                raise
        return ask(*args, **kwargs)

    def _replica(self, since: float) -> Engine | None:
        """Return what this transaction reads from: where it has begun, else a replica."""
        transaction = self.get_transaction()
        held = transaction.connections if transaction is not None else ()
        for connection in held:
            return connection.engine
        found = replicas.current()
        while found is not None and (engine := found.choose(since)) is not None:
            try:
                self.connection(bind_arguments={"bind": engine})
            except (OperationalError, PoolTimeout) as error:
                instruments.REPLICA_READS.add(counting.role, "failed")
                found.failed(engine, _why(error))
                continue
            instruments.REPLICA_READS.add(counting.role, "replica")
            return engine
        instruments.REPLICA_READS.add(counting.role, "primary")
        return None

    def _leave(self, error: DBAPIError) -> bool:
        """Go on at the primary, if it was a replica that could not answer; return whether."""
        transaction, found = self.get_transaction(), replicas.current()
        held = transaction.connections if transaction is not None else ()
        engines = [one.engine for one in found.all] if found is not None else []
        failed = next((one.engine for one in held if one.engine in engines), None)
        # A statement that takes too long would at the primary, too.
        if failed is None or isinstance(error.orig, psycopg.errors.QueryCanceled):
            return False
        instruments.REPLICA_READS.add(counting.role, "failed")
        if found is not None and error.connection_invalidated:
            found.failed(failed, _why(error))
        self.rollback()
        stay_at_primary(self)
        return True


def read_from_replicas(session: Session, since: float) -> None:
    """Let a session whose transaction has not begun read what has all commits before ``since``."""
    session.info[_SINCE] = since


def reads_since(session: Session) -> float | None:
    """Return what ``read_from_replicas`` was given; None: the session reads the primary."""
    found: float | None = session.info.get(_SINCE)
    return found


def stay_at_primary(session: Session) -> None:
    """Ask nothing but the primary from now on."""
    session.info.pop(_SINCE, None)


def _why(error: Exception) -> str:
    return type(getattr(error, "orig", None) or error).__name__
