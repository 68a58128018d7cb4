"""Query strings: what no route reads is refused, so that a typo does not pass as success.

Routes of the API say so by ``api.requires``; here are all the others.
"""

from urllib.parse import unquote_to_bytes

from flask import current_app, request
from werkzeug import exceptions

from bookstore import errors

LENIENT = {
    "docs.home": "whoever opens the shop's address",
    "tracker.page": "links in mails, to which mail services add parameters of their own",
    "tracker.reset": "links in mails, as above",
    "checkout.page": "Stripe and banks add parameters of their own; the script reads them",
    "graphql.page": "GraphiQL keeps the query in its own address",
    "storage.read": "a signed link: the signature says which parameters there are",
    "order_socket.follow": "takes ?ticket= and refuses the rest itself",
    "order_socket.plain": "as above",
    "notification_socket.follow": "takes ?ticket= and refuses the rest itself",
    "notification_socket.plain": "as above",
}
"""Routes that are not checked here → why."""


def refuse_unknown() -> None:
    """Refuse parameters of a route that reads none.

    Raises:
        Invalid: naming them.
        BadRequest: the query string is not UTF-8.
    """
    if not request.query_string or request.url_rule is None or request.method == "OPTIONS":
        return
    endpoint = request.endpoint or ""
    view = current_app.view_functions.get(endpoint)
    if endpoint in LENIENT or hasattr(view, "checks_query"):
        return
    check_text()
    check_names(takes_any=False)


def check_text() -> None:
    """Refuse a query string that is not UTF-8."""
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise exceptions.BadRequest("The query string is not UTF-8.") from None


def check_names(*, takes_any: bool) -> None:
    """Refuse parameters that nobody reads, or that come twice."""
    if not takes_any and request.args:
        raise errors.Invalid({name: ["Unknown field."] for name in request.args})
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise errors.Invalid({name: ["Given more than once."] for name in twice})
