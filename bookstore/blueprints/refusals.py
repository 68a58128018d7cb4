"""Refusals as pages: whoever asks for one by a browser is not shown JSON.

Whatever is raised, wherever, is a problem document first (``problems``). ``finish`` makes a page of
it for a browser, in the look of the shop or of the console; status and headers stay as they are.
Programs get the document: below ``_OF_PROGRAMS``, and wherever they do not ask for HTML.
"""

import orjson
from flask import Response, current_app, render_template, request

from bookstore import problems
from bookstore.blueprints import transport
from bookstore.blueprints.console import frame, pages
from bookstore.blueprints.console.entrance import PATH
from bookstore.blueprints.varying import vary

_OF_PROGRAMS = ("api", "graphql", "healthz", "internal", "metrics", "problems", "readyz")
_HTML = "text/html"
_JSON = ("application/json", problems.MIMETYPE)
# The same address may do, a moment later.
_FOR_A_WHILE = frozenset({429, 503})


def finish(response: Response) -> Response:
    """Return an answer as it was, or a refusal as a page if that is what is asked for."""
    if response.mimetype != problems.MIMETYPE:
        return response
    first = request.path.lstrip("/").partition("/")[0]
    if first in _OF_PROGRAMS:
        return response
    is_console = f"/{first}" == PATH and "console" in current_app.blueprints
    vary(response, "Accept")
    if not _wants_page(unless_said=is_console):
        return response
    told = orjson.loads(response.get_data())
    if is_console:
        response.set_data(_page("console/refused.html", problem=told, **frame()))
    else:
        again = request.method == "GET" and response.status_code in _FOR_A_WHILE
        response.set_data(_page("refused.html", problem=told, again=again))
    response.content_type = f"{_HTML}; charset=utf-8"
    transport.allow(response)
    return pages.finish(response) if is_console else response


def _page(template: str, **context: object) -> str:
    return render_template(template, nonce=transport.nonce(), **context)


def _wants_page(*, unless_said: bool) -> bool:
    """Return whether HTML is preferred to JSON; ``unless_said``: or neither is."""
    accepted = request.accept_mimetypes
    html, json = accepted[_HTML], max(accepted[kind] for kind in _JSON)
    return html >= json if unless_said else html > json
