"""A recipe, sent for one buyer in one transaction."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.ceilings.recipe import State, Step


def replay(connection: Any, steps: Sequence[Step], buyer: Mapping[str, Any]) -> None:
    """Send all statements and commit.

    Raises:
        RuntimeError: one wrote more or fewer rows than the shop's did.
    """
    state = State(buyer)
    with _transaction(connection), contextlib.closing(connection.cursor()) as cursor:
        for step in steps:
            send = cursor.executemany if step.many else cursor.execute
            send(step.text, step.parameters.of(state))
            state.rows.append(cursor.fetchall() if cursor.description else ())
            if step.count is not None and cursor.rowcount != step.count:
                raise RuntimeError(f"{cursor.rowcount} rows, not {step.count}: {step.text}")


@contextlib.contextmanager
def _transaction(connection: Any) -> Iterator[None]:
    if hasattr(connection, "transaction"):
        with connection.transaction():
            yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
