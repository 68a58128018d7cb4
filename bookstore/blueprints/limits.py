"""Every request counts: where, what its answer says of that, and which ones do not.

Where a view asks who it is for, ``auth.requires`` counts the request for them, since only then it
is known. What no view answers (404, 405) or a view that asks nobody counts here, at the address.
"""

from flask import Response, current_app
from flask.globals import request_ctx

from bookstore import auth, clock, errors, problems
from bookstore.services.limits import Standing

HEADERS = (
    *("RateLimit-Policy", "RateLimit"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
)
# Endpoint → why it may be asked without end.
EXEMPT = {
    "health.healthz": "a load balancer asks, of all clients the most often",
    "health.readyz": "a load balancer asks, of all clients the most often",
    "metrics.read": "Prometheus asks; it has a token of its own",
    "docs.asset": "a file of a page: the page itself counts",
    "docs.start_script": "a file of a page: the page itself counts",
    "tracker.asset": "a file of a page: the page itself counts",
    "storage.cover": "a page shows a hundred covers; CDNs fetch them for everybody",
    "storage.read": "a page shows a hundred covers; CDNs fetch them for everybody",
    "payments.receive_event": "Stripe signs it, and an event that is refused is a payment lost",
    "internal_users.get_user": "another part of the shop asks, for all its users",
    "internal_catalog.get_books": "another part of the shop asks, for all its users",
    "internal_orders.create_order": "another part of the shop asks, for all its users",
    "internal_orders.get_order": "another part of the shop asks, for all its users",
}


def begin() -> None:
    """Count what will not be counted when it is known who asks.

    Raises:
        RateLimited: it is one too many.
    """
    asked = request_ctx.request
    endpoint = asked.endpoint or ""
    # Browsers ask by OPTIONS, without credentials, before they ask what they want; no view runs.
    if endpoint in EXEMPT or (asked.method == "OPTIONS" and endpoint):
        auth.do_not_count()
    elif not hasattr(current_app.view_functions.get(endpoint), "access"):
        auth.count()


def finish(response: Response) -> Response:
    """Return the answer with what it says of limits (draft-ietf-httpapi-ratelimit-headers).

    Whatever was refused before anybody asked who it is, such as a broken handshake, counts now.
    """
    try:
        auth.count()
    except errors.RateLimited as error:
        response = problems.from_error(error)
    standing = auth.standing()
    if standing is not None:
        add = response.headers.add  # nobody else has headers of these names
        for name, value in headers(standing).items():
            add(name, value)
    return response


def headers(standing: Standing) -> dict[str, str]:
    """Return ``HEADERS`` as they are for somebody who stands there."""
    nearest = standing.nearest
    values = (
        ", ".join(f'"{one.name}";q={one.amount};w={one.seconds}' for one in standing.policies),
        f'"{nearest.name}";r={standing.remaining};t={standing.resets_in}',
        str(nearest.amount),
        str(standing.remaining),
        str(int(clock.now().timestamp()) + standing.resets_in),
    )
    return dict(zip(HEADERS, values, strict=True))
