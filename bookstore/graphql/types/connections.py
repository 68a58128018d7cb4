"""Pages by the Relay Cursor Connections Specification, forwards."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import strawberry

from bookstore import errors
from bookstore.graphql.arguments import size
from bookstore.graphql.context import Info
from bookstore.services.paging import Page, PageRequest

Node = TypeVar("Node")
# What the services call otherwise.
_ARGUMENTS = {"cursor": "after"}


@strawberry.type(description="Where a page lies. `hasPreviousPage`: whether `after` was given.")
class PageInfo:
    """A page's place."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[Node]):
    """One row and the cursor behind it."""

    cursor: str
    node: Node


@strawberry.type
class Connection(Generic[Node]):
    """A page."""

    edges: list[Edge[Node]]
    page_info: PageInfo
    total_count: int = strawberry.field(description="Rows of all pages; counted when asked for.")


def page_request(info: Info, first: int, after: str | None) -> PageRequest:
    """Return what to ask a service for.

    Raises:
        Invalid: ``first`` is not from 1 to 100.
    """
    asked = {field.name for selected in info.selected_fields for field in _fields(selected)}
    count = "totalCount" in asked
    return PageRequest(size("first", first), after, count=count, edges=True)


def connection(load: Callable[[PageRequest], Page], request: PageRequest) -> dict[str, Any]:
    """Return the page that ``load`` has for the request as a connection.

    Raises:
        Invalid: ``after`` is no cursor of this list.
    """
    try:
        page = load(request)
    except errors.Invalid as error:
        found = error.extra["errors"]
        raise errors.Invalid({_ARGUMENTS.get(name, name): found[name] for name in found}) from None
    edges = zip(page.cursors, page.data, strict=True)
    return {
        "edges": [{"cursor": cursor, "node": node} for cursor, node in edges],
        "page_info": {
            "has_next_page": page.next_cursor is not None,
            "has_previous_page": request.cursor is not None,
            "start_cursor": page.cursors[0] if page.cursors else None,
            "end_cursor": page.cursors[-1] if page.cursors else None,
        },
        "total_count": page.total,
    }


def _fields(selected: Any) -> list[Any]:
    """Return the fields right below, fragments opened."""
    found = []
    for one in selected.selections:
        found += [one] if hasattr(one, "arguments") else _fields(one)
    return found
