"""Keyset pages: each page continues behind the last row of the one before.

However many rows come and go meanwhile, a reader who follows ``next_cursor`` sees no row
twice and misses none that was there all along.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Connection, Integer, Subquery, bindparam, literal_column, tuple_
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.selecting import Reader
from bookstore.services import counting
from bookstore.services.sql import AnyColumn, AnyRow, AnySelect

_MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """One page: ``data`` (rows or mappings), the cursor of the next, the count if asked for, and
    the cursor behind each row if asked for."""

    data: Sequence[Any]
    next_cursor: str | None
    total: int | None = None
    cursors: Sequence[str] = ()

    def of(self, data: Sequence[Any]) -> "Page":
        """Return the same page with its rows as something else."""
        return replace(self, data=data)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the client asked: how many, from where, and whether to count them all.

    With ``edges`` each row gets a cursor of its own; the first ``offset`` rows are left out. With
    ``number`` (from 1; 0 is the last) it is a page by number, as API v1 has them, and always
    counted: rows that come or go meanwhile make the next one repeat some or miss some.
    """

    limit: int = 20
    cursor: str | None = None
    count: bool = False
    number: int | None = None
    offset: int = 0
    edges: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An order of rows: a column, its direction, the id column that breaks ties.

    ``parse`` turns the cursor's JSON value back into the column's type, raising ValueError.
    """

    name: str
    column: AnyColumn
    id: AnyColumn
    descending: bool
    parse: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Statements:
    """What ``run`` runs: the same for all pages that are asked for in the same way. Which page it
    is, stands in parameters.

    ``backwards`` is the page by number as it is found from the end; ``count`` is there where the
    rows are to be counted. If it ``is_fixed``, how many rows a page has stands in the text.
    """

    order: Order
    rows: AnySelect
    backwards: AnySelect | None
    count: counting.Statements | None
    is_fixed: bool = False


def parse_int(value: Any) -> int:
    """Accept a JSON integer that fits a column."""
    if type(value) is not int or not -_MAX_ID <= value <= _MAX_ID:
        raise ValueError
    return value


def parse_text(value: Any) -> str:
    """Accept a JSON string that fits a column."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    return value


def parse_date(value: Any) -> date:
    """Accept an ISO date."""
    return date.fromisoformat(parse_text(value))


def parse_instant(value: Any) -> datetime:
    """Accept an ISO instant with an offset."""
    instant = datetime.fromisoformat(parse_text(value))
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(UTC)


def encode(order: Order, row: AnyRow) -> str:
    """Return the opaque cursor that continues behind ``row`` (needs its ``_sort`` and ``id``)."""
    return (
        base64.urlsafe_b64encode(orjson.dumps([order.name, row._sort, row.id])).decode().rstrip("=")
    )


def decode(order: Order, cursor: str) -> tuple[Any, int]:
    """Return (sort value, id) of a cursor.

    Raises:
        Invalid: not a cursor of this order.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, value, row_id = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if name != order.name:
            raise ValueError
        return order.parse(value), parse_int(row_id)
    except (ValueError, TypeError, binascii.Error, OverflowError):
        raise errors.Invalid({"cursor": ["Not a cursor of this list and sort order."]}) from None


def fetch(
    session: Session, query: AnySelect, order: Order, page: PageRequest, wanted: Any = None
) -> Page:
    """Run ``query`` for one page; its rows get ``_sort`` and must have ``id``.

    Statements: one, and one more with ``page.count`` (two where very many rows match).

    Args:
        session: of whoever asks.
        query: the rows.
        order: how they are ordered.
        page: which of them.
        wanted: selects the same ids and no more, from fewer tables; counted instead of ``query``.

    Raises:
        Invalid: the cursor is not one of this order.
        NotFound: there is no page of this number (there always is a first one).
    """
    return run(session, statements(query, order, page, wanted), page)


def statements(
    query: AnySelect,
    order: Order,
    page: PageRequest,
    wanted: Any = None,
    *,
    found_by: AnyColumn | None = None,
    counted: Any = None,
    is_fixed: bool = False,
) -> Statements:
    """Return what ``run`` needs for pages like ``page``.

    Args:
        query, order, page, wanted: as of ``fetch``.
        found_by: the id in ``query``, where which rows are on a page is to be found by ``wanted``
            and ``order`` alone, before anything is joined to them.
        counted: selects as many rows as ``wanted``, where there is a shorter way to them.
        is_fixed: only for pages of ``page.limit`` rows, in order of the rows themselves. What has
            no parameters PostgreSQL plans once; else it guesses that a page is a tenth of all.
    """
    ids = query.with_only_columns(order.id) if wanted is None else wanted
    count = None
    if page.count or page.number is not None:
        count = counting.statements(ids if counted is None else counted)
    if page.number is not None:
        key = order.id if found_by is None else found_by
        rows = _found(query, key, order, _window(ids, order, page))
        backwards = _found(query, key, order, _window(ids, order, page, backwards=True))
        return Statements(order, rows, backwards, count)
    if found_by is not None:
        return Statements(
            order, _found(query, found_by, order, _window(ids, order, page)), None, count
        )
    rows = _narrowed(query.add_columns(order.column.label("_sort")), order, page, fixed=is_fixed)
    return Statements(order, rows, None, count, is_fixed)


def around(made: Statements, build: Callable[[Subquery], AnySelect]) -> Statements:
    """Return the statements of the same pages with more told of each row.

    Args:
        made: as ``statements`` returns them.
        build: is given the rows of a page, and returns a select of them and more.
    """

    def told(query: AnySelect) -> AnySelect:
        found = query.subquery("found")
        by = _by(found.c["_sort"], found.c.id, descending=made.order.descending)
        return build(found).order_by(*by).execution_options(**query.get_execution_options())

    backwards = made.backwards
    return replace(
        made, rows=told(made.rows), backwards=None if backwards is None else told(backwards)
    )


def _found(query: AnySelect, key: AnyColumn, order: Order, window: Any) -> AnySelect:
    rows = query.join(window, window.c.id == key).add_columns(window.c["_sort"])
    return rows.order_by(*_by(window.c["_sort"], key, descending=order.descending))


def _window(ids: Any, order: Order, page: PageRequest, *, backwards: bool = False) -> Any:
    # The ids first: what is skipped is then skipped in an index, without a look at its rows.
    ids = ids.with_only_columns(order.id.label("id"), order.column.label("_sort"))
    return _narrowed(ids, order, page, backwards=backwards).subquery("window")


def _narrowed(
    query: Any, order: Order, page: PageRequest, *, backwards: bool = False, fixed: bool = False
) -> Any:
    if page.cursor is not None:
        # A cursor's number may be past what a 32-bit column holds: compared, not stored.
        kind = BigInteger() if isinstance(order.column.type, Integer) else order.column.type
        mark = tuple_(bindparam("page_value", type_=kind), bindparam("page_id", type_=BigInteger()))
        key = tuple_(order.column, order.id)
        query = query.where(key < mark if order.descending else key > mark)
    query = query.order_by(*_by(order.column, order.id, descending=order.descending != backwards))
    if page.offset or page.number is not None:
        query = query.offset(bindparam("page_offset", type_=BigInteger()))
    if fixed:
        return query.limit(literal_column(str(page.limit + 1), Integer()))
    return query.limit(bindparam("page_limit", type_=Integer()))


def _by(column: AnyColumn, key: AnyColumn, *, descending: bool) -> tuple[Any, Any]:
    return (column.desc(), key.desc()) if descending else (column, key)


def run(
    connection: Connection | Session | Reader,
    made: Statements,
    page: PageRequest,
    given: Mapping[str, Any] | None = None,
) -> Page:
    """Run the statements of a page; raises as ``fetch``.

    Args:
        connection: where; the session, for whole objects.
        made: the statements.
        page: one like that which they were made for.
        given: values of parameters that the query had before.
    """
    values: dict[str, Any] = dict(given or {})
    if not made.is_fixed:
        values["page_limit"] = page.limit + 1
    if page.cursor is not None:
        values["page_value"], values["page_id"] = decode(made.order, page.cursor)
    total = None if made.count is None else counting.run(connection, made.count, given)
    if page.number is not None and total is not None:
        return _run_numbered(connection, made, page, total, values)
    if page.offset:
        values["page_offset"] = page.offset
    rows = connection.execute(made.rows, values).all()
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    cursors = [encode(made.order, row) for row in rows] if page.edges else ()
    return Page(rows, encode(made.order, rows[-1]) if more else None, total, cursors)


def _run_numbered(
    connection: Connection | Session | Reader,
    made: Statements,
    page: PageRequest,
    total: int,
    values: dict[str, Any],
) -> Page:
    """Fetch a page by its number, from whichever end is nearer."""
    last = max(1, -(-total // page.limit))
    number = page.number or last
    if number > last:
        raise errors.NotFound("There is no such page.")
    before = (number - 1) * page.limit
    many = min(page.limit, total - before)
    if many == 0:
        return Page([], None, total)
    behind = total - before - many
    query = made.rows
    if made.backwards is not None and behind < before:
        query = made.backwards
    values |= {"page_limit": many, "page_offset": min(before, behind)}
    return Page(connection.execute(query, values).all(), None, total)
