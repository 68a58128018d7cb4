"""Query strings: what no route reads is refused, so that a typo does not pass as success.

Routes of the API say so by ``api.requires``; here are all the others.
"""

from urllib.parse import unquote_to_bytes

from flask import current_app, request
from werkzeug import exceptions

from bookstore import errors

LENIENT = {
    "storefront.home": "links from anywhere, to which mail services and others add their own",
    "storefront.book": "links from anywhere, as above",
    "tracker.page": "links in mails, to which mail services add parameters of their own",
    "tracker.log_in": "its script reads ?next=",
    "tracker.register": "its script reads ?next=",
    "tracker.reset": "links in mails, as above",
    "checkout.page": "Stripe and banks add parameters of their own; the script reads them",
    "graphql.page": "GraphiQL keeps the query in its own address",
    "storage.read": "a signed link: the signature says which parameters there are",
}
"""Routes that are not checked here → why."""


PASSED_OVER = frozenset({"format", "_"})
"""What clients of v1 send to any API of Django REST Framework: how the answer is to be written,
and what jQuery adds against caches."""


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


def check_names(*, takes_any: bool, lax: bool = False) -> None:
    """Refuse parameters that nobody reads, or that come twice.

    Args:
        takes_any: whether the view has a schema for them, which refuses what it does not know.
        lax: as v1's: ``PASSED_OVER`` may be there, and any may come twice.
    """
    unknown = [] if takes_any else [n for n in request.args if not (lax and n in PASSED_OVER)]
    if unknown:
        raise errors.Invalid({name: ["Unknown field."] for name in unknown})
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice and not lax:
        raise errors.Invalid({name: ["Given more than once."] for name in twice})
