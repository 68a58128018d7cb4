"""How many rows match: exactly while they are few, and not anew each time when they are many.

To count is to look at every row. Up to ``EXACT`` that is cheap, and always done. Of more, the exact
count is kept for ``SECONDS``, so that a list of a million is not counted for every page of it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Select, func, select
from sqlalchemy.orm import Session

from bookstore.gateways import counts
from bookstore.selecting import Reader

EXACT = 10_000
SECONDS = 300
_REMEMBERED = 2000
# Keys of what this process has found to be more than EXACT: for others, Redis need not be asked.
_many: set[str] = set()


@dataclass(frozen=True, slots=True)
class Statements:
    """What ``run`` runs: counts up to one more than ``EXACT``, and counts all."""

    few: Select[int]
    every: Select[int]


def count(session: Session, ids: Any) -> int:
    """Return how many rows ``ids`` selects; a count above ``EXACT`` may be ``SECONDS`` old.

    Statements: one, and one more where there are very many and nobody has counted lately.
    """
    return run(session, statements(ids))


def statements(ids: Any) -> Statements:
    """Return the statements that count what ``ids`` selects, whatever its parameters are."""
    return Statements(_count(ids.limit(EXACT + 1)), _count(ids))


def run(
    connection: Connection | Session | Reader,
    made: Statements,
    given: Mapping[str, Any] | None = None,
) -> int:
    """Count as ``count`` does, with statements that were made before.

    Args:
        connection: where.
        made: the statements.
        given: values of their parameters.
    """
    key = _key(connection, made.every, given or {}) if _many else None
    if key is not None and key in _many:
        # Not even the first ten thousand are counted anew.
        kept = counts.get(key)
        if kept is not None:
            return kept
    few: int = connection.execute(made.few, given).scalar_one()
    if few <= EXACT:
        return few
    key = key or _key(connection, made.every, given or {})
    kept = counts.get(key)
    if kept is None:
        kept = connection.execute(made.every, given).scalar_one()
        counts.put(key, kept, SECONDS)
    if len(_many) >= _REMEMBERED:
        _many.clear()
    _many.add(key)
    return max(kept, few)


def _count(ids: Any) -> Any:
    counted = select(func.count()).select_from(ids.order_by(None).subquery())
    return counted.execution_options(**ids.get_execution_options())


def _key(
    connection: Connection | Session | Reader, every: Select[int], given: Mapping[str, Any]
) -> str:
    bind = connection if isinstance(connection, Connection) else connection.get_bind()
    said, params = _said(every, bind.dialect)
    told = f"{said}\0{sorted({**params, **given}.items())!r}"
    return hashlib.sha256(told.encode()).hexdigest()


@lru_cache(maxsize=500)
def _said(every: Select[int], dialect: Dialect) -> tuple[str, Mapping[str, Any]]:
    """Return the text and the values of a statement; of one that is kept, it is made once."""
    compiled = every.compile(dialect=dialect)
    return str(compiled), compiled.params
