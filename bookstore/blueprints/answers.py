"""JSON answers: a page and the link to the next, dumped by schemas that are built once.

And the shop's own HTML pages.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
import orjson
from flask import Response, render_template, request

from bookstore.blueprints import transport
from bookstore.blueprints.conditional import if_match, set_tag
from bookstore.services.paging import Page, PageRequest
from bookstore.web import Answer


def page_request(query: dict[str, Any]) -> PageRequest:
    """Return the paging part of a parsed query."""
    return PageRequest(query["limit"], query.get("cursor"), query["count"])


def dumper(item: type[ma.Schema], only: list[str] | None = None) -> ma.Schema:
    """Return a schema to dump with; the whole one is built once, since that takes longer."""
    return _whole(item) if only is None else item(only=only)


@cache
def _whole(item: type[ma.Schema]) -> ma.Schema:
    return item()


def page_body(item: type[ma.Schema], page: Page, only: Any = None) -> dict[str, Any]:
    """Return the body of a page: data dumped by ``item``, next_cursor, total if counted."""
    body: dict[str, Any] = {
        "data": dumper(item, only).dump(page.data, many=True),
        "next_cursor": page.next_cursor,
    }
    if page.total is not None:
        body["total"] = page.total
    return body


def json_response(body: bytes | dict[str, Any], status: int = 200) -> Response:
    """Return a JSON answer; its next page, if any, also as a ``Link`` (RFC 8288)."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    response = Answer(raw, status, content_type="application/json")
    # The member stands last but for the total: found without parsing a cached page again.
    tail = raw[raw.rfind(b'"next_cursor":"') :] if b'"next_cursor":"' in raw[-4200:] else b""
    if tail:
        cursor = tail[len(b'"next_cursor":"') :].partition(b'"')[0].decode()
        arguments = {k: v for k, v in request.args.items() if k != "cursor"} | {"cursor": cursor}
        response.headers["Link"] = f'<{request.path}?{urlencode(arguments)}>; rel="next"'
    return response


def html_page(template: str, allowed: Mapping[str, str] | None = None, **context: Any) -> Response:
    """Return one of the shop's own pages; its scripts and styles are files of the shop.

    Args:
        template: of the page; its scripts carry ``nonce``.
        allowed: what else its Content-Security-Policy lets in, by directive.
        context: for the template.
    """
    body = render_template(template, nonce=transport.nonce(), **context)
    response = Response(body, content_type="text/html; charset=utf-8")
    transport.allow(response, allowed)
    return response


def tagged(record: Any) -> Any:
    """Return a record that has a version, after saying that the answer shows it."""
    set_tag(record.version)
    return record


def seen_version() -> int | None:
    """Return the version that If-Match names, if there is one; raises as ``if_match``."""
    return if_match()[0] if "If-Match" in request.headers else None
