"""A span for each SQL statement inside another span: with placeholders, never with values."""

import re
from typing import Any

from sqlalchemy import Engine, event

from bookstore import traces

LONGEST = 2000
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE|JOIN)\s+"?([a-z_]+)', re.IGNORECASE)
_SYSTEMS = {"postgresql": "postgresql", "sqlite": "sqlite"}


def watch(engine: Engine) -> None:
    """Give each statement of an engine a span."""
    event.listen(engine, "before_cursor_execute", _before)
    event.listen(engine, "after_cursor_execute", _after)
    event.listen(engine, "handle_error", _failed)


def _before(
    conn: Any, _cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    # Alone it would be a trace of one statement, which tells nobody anything.
    if context is None or not traces.is_recording():
        return
    words = statement.split(None, 1)
    verb = words[0].upper() if words else "SQL"
    about: dict[str, traces.Value] = {
        "db.system.name": _SYSTEMS.get(conn.dialect.name, "other_sql"),
        "db.operation.name": verb,
        "db.query.text": statement[:LONGEST],
    }
    name = verb
    if (table := _TABLE.search(statement)) is not None:
        name = f"{verb} {table[1]}"
        about["db.collection.name"] = table[1]
    if executemany and len(parameters) > 1:
        about["db.operation.batch.size"] = len(parameters)
    span = traces.span(name, "client", about)
    span.__enter__()
    context.bookstore_span = span


def _after(
    _conn: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _executemany: bool
) -> None:
    span = getattr(context, "bookstore_span", None)
    if span is not None:
        del context.bookstore_span
        span.__exit__(None, None, None)


def _failed(error: Any) -> None:
    context = error.execution_context
    span = getattr(context, "bookstore_span", None)
    if span is not None:
        del context.bookstore_span
        span.failed(type(error.original_exception).__name__)
        span.__exit__(None, None, None)
