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
from sqlalchemy import BigInteger, Connection, Integer, Select, bindparam, func, select, tuple_
from sqlalchemy.orm import Session

from bookstore import errors
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


def fetch(session: Session, query: AnySelect, order: Order, page: PageRequest) -> Page:
    """Run ``query`` for one page; its rows get ``_sort`` and must have ``id``.

    Statements: one, and one more with ``page.count``.

    Raises:
        Invalid: the cursor is not one of this order.
        NotFound: there is no page of this number (there always is a first one).
    """
    return run(session, paged(query, order, page), counted(query, order), order, page)


def paged(query: AnySelect, order: Order, page: PageRequest) -> AnySelect:
    """Return ``query`` narrowed to a page: the same for all that are asked for in the same way.

    Which page it is stands in parameters, which ``run`` gives.
    """
    query = query.add_columns(order.column.label("_sort"))
    if page.cursor is not None:
        # A cursor's number may be past what a 32-bit column holds: compared, not stored.
        kind = BigInteger() if isinstance(order.column.type, Integer) else order.column.type
        mark = tuple_(bindparam("page_value", type_=kind), bindparam("page_id", type_=BigInteger()))
        key = tuple_(order.column, order.id)
        query = query.where(key < mark if order.descending else key > mark)
    if order.descending:
        query = query.order_by(order.column.desc(), order.id.desc())
    else:
        query = query.order_by(order.column, order.id)
    if page.offset or page.number is not None:
        query = query.offset(bindparam("page_offset", type_=BigInteger()))
    return query.limit(bindparam("page_limit", type_=Integer()))


def counted(query: AnySelect, order: Order) -> Select[int]:
    """Return the statement that counts the rows of ``query``."""
    return select(func.count()).select_from(query.with_only_columns(order.id).subquery())


def run(
    connection: Connection | Session,
    query: AnySelect,
    count: Select[int],
    order: Order,
    page: PageRequest,
    given: Mapping[str, Any] | None = None,
) -> Page:
    """Run the statements of ``paged`` and, where it is wanted, ``counted``; raises as ``fetch``.

    Args:
        connection: where; the session, for whole objects.
        query, count: the statements.
        order, page: as the statements were made with.
        given: values of parameters that the query had before.
    """
    values: dict[str, Any] = {**(given or {}), "page_limit": page.limit + 1}
    total = None
    if page.count or page.number is not None:
        total = connection.execute(count, given).scalar_one()
    if page.cursor is not None:
        values["page_value"], values["page_id"] = decode(order, page.cursor)
    if page.number is not None and total is not None:
        last = max(1, -(-total // page.limit))
        if page.number > last:
            raise errors.NotFound("There is no such page.")
        values["page_limit"] = page.limit
        values["page_offset"] = ((page.number or last) - 1) * page.limit
        return Page(connection.execute(query, values).all(), None, total)
    if page.offset:
        values["page_offset"] = page.offset
    rows = connection.execute(query, values).all()
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    cursors = [encode(order, row) for row in rows] if page.edges else ()
    return Page(rows, encode(order, rows[-1]) if more else None, total, cursors)
