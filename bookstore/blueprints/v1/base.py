"""What the routes of v1 share: lenient parsing, refusals as Django REST Framework has them,
pages by number, and what of v2 takes each route's place."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
import orjson
from flask import Response, request
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from bookstore import errors
from bookstore.blueprints import api, queries
from bookstore.blueprints.answers import dumper
from bookstore.extensions import settings
from bookstore.schemas.v1.common import RefusalSchema
from bookstore.services.paging import Page, PageRequest

PAGE_SIZE, MAX_PAGE_SIZE = 20, 100
_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
_TEXTS = {"cart_empty": "Cart is empty"}

requires = partial(api.requires, lax=True)


class Parser(api.Parser):
    """Passes over unknown members of a body, takes forms as well as JSON, answers 400."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {
        **api.Parser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": ma.EXCLUDE,
    }

    def load_querystring(self, req: Any, schema: ma.Schema) -> Any:
        """Return the parameters but those that are passed over."""
        pairs = [(n, v) for n, v in req.args.items(multi=True) if n not in queries.PASSED_OVER]
        return MultiDictProxy(MultiDict(pairs), schema)

    def load_json(self, req: Any, schema: ma.Schema) -> Any:
        """Return the fields of the body."""
        if req.mimetype in _FORMS:
            return MultiDictProxy(req.form, schema)
        return super().load_json(req, schema)


class Blueprint(api.Blueprint):
    """A blueprint with that parser."""

    ARGUMENTS_PARSER = Parser()


class Api(api.Api):
    """The API of v1 for its document."""

    ERROR_SCHEMA = RefusalSchema


def refusal(
    status: int, code: str, detail: str, extra: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Return status and body of a refusal: see ``problems.Shape``.

    Wrong fields are 400 with their messages by name; what the state of things forbids is 400 with
    ``error``, as are the few more members that some of these have; all else has ``detail``.
    """
    more = dict(extra)
    fields = more.pop("errors", {})
    if fields and status in {400, 422}:
        named: dict[str, list[str]] = {}
        for name, messages in fields.items():
            named.setdefault(name.partition(".")[0], []).extend(messages)
        return 400, {"detail": "Some fields are not valid.", **named}
    if code == errors.RateLimited.code and "retry_after" in more:
        wait = more["retry_after"]
        detail = f"Request was throttled. Expected available in {wait} seconds."
    if status in {409, 422}:
        return 400, {"error": _TEXTS.get(code, detail), **more}
    return status, {"detail": detail}


def replaced_by(successor: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Note which operation of v2, such as ``GET /books/{book_id}``, takes a view's place."""

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        view.successor = successor  # type: ignore[attr-defined]
        return view

    return decorator


def page_request(query: dict[str, Any]) -> PageRequest:
    """Take ``page`` and ``page_size`` out of a parsed query; return which page that is.

    Raises:
        NotFound: it can be none.
    """
    page, size = query.pop("page"), query.pop("page_size")
    wanted = min(_whole(size) or PAGE_SIZE, MAX_PAGE_SIZE)
    number = 0 if page == "last" else _whole(page)
    # What is no number is a page that there is not.
    return PageRequest(wanted, number=_NO_PAGE if number is None else number)


def page_body(item: type[ma.Schema], page: Page) -> bytes:
    """Return (for ``page_response``) a page of which only the links are missing."""
    rows = orjson.dumps(dumper(item).dump(page.data, many=True))
    return b"%d\n" % (page.total or 0) + rows


def page_response(wanted: PageRequest, body: bytes) -> Response:
    """Return the answer with one page, and links to its neighbours under the shop's address."""
    count, _, rows = body.partition(b"\n")
    last = max(1, -(-int(count) // wanted.limit))
    number = wanted.number or last
    head = {
        "count": int(count),
        "next": _link(number + 1) if number < last else None,
        "previous": _link(number - 1) if number > 1 else None,
    }
    raw = orjson.dumps(head)[:-1] + b',"results":' + rows + b"}"
    return Response(raw, content_type="application/json")


# More than there are pages.
_NO_PAGE = 10**9


def _whole(text: str) -> int | None:
    found = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    return found or None


def _link(number: int) -> str:
    base = (settings().public_url or request.host_url).rstrip("/")
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
    # As Django REST Framework has it, the first page goes without a number.
    pairs += [("page", str(number))] if number > 1 else []
    return f"{base}{request.path}{'?' if pairs else ''}{urlencode(pairs)}"
