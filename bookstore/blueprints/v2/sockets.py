"""/ws/tickets and /orders/{id}/stream: what live tracking needs besides the WebSockets."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, g, request

from bookstore import auth, clock, errors
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.documenting import document
from bookstore.schemas.v2.sockets import StreamQuery, TicketSchema
from bookstore.services import live, tickets, tracking

blp = Blueprint("live", __name__, description="Live tracking")

# A browser that lost the stream comes back after this.
_HEAD = b"retry: 2000\n\n"


class HandedOver(Response):
    """A response of which the head is sent by whoever takes the client's socket over."""

    automatically_set_content_length = False  # nobody knows how long it will be

    def __init__(self, take: Callable[[dict[str, Any], bytes], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._take = take

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Send nothing by the server: it ends a connection that was taken when it sees this."""
        lines = [
            f"HTTP/1.1 {self.status}",
            *(f"{k}: {v}" for k, v in self.get_wsgi_headers(environ)),
        ]
        self._take(environ, "\r\n".join([*lines, "", ""]).encode("latin-1"))
        raise StopIteration


@blp.post("/ws/tickets")
@requires("user")
@blp.response(201, TicketSchema)
def issue_ticket() -> dict[str, Any]:
    """Get a ticket for one socket or stream, for clients that cannot send headers (browsers).

    Connect within 30 seconds with `?ticket=`, to `/ws/notifications`, `/ws/orders/{id}`,
    `/ws/jobs/{id}` or an order's stream; an invoice and a job's file open by it as well. A ticket
    is good once. What is opened with it ends with the access token that asked for the ticket.
    """
    ticket = tickets.issue(auth.current_actor(), auth.login_ends())
    return {"ticket": ticket, "expires_in": tickets.SECONDS}


@blp.get("/orders/<id:order_id>/stream")
@requires("user", scope="orders:read", by_ticket=True)
@blp.arguments(StreamQuery, location="query")
@blp.response(200, {"type": "string"}, content_type="text/event-stream", description="Events")
def stream(query: dict[str, Any], order_id: int) -> Response:
    """Follow an order by server-sent events: how it stands, then each change.

    The same messages as `/ws/orders/{id}` sends; `id` is the order's version. With
    `Last-Event-ID` the present state comes first only if it is newer. 429 `too_many_sockets`
    beyond 20 sockets and streams a user.
    """
    known = request.headers.get("Last-Event-ID", "")
    if known and not (known.isascii() and known.isdecimal() and len(known) < 19):
        raise errors.Invalid({"Last-Event-ID": ["Must be the id of an event of this stream."]})
    if request.method == "HEAD":
        live.order_snapshot(auth.current_actor(), order_id)
        return Response(content_type="text/event-stream; charset=utf-8")
    if not tracking.usable(request.environ):
        raise errors.SocketsUnsupported
    g.follower = tracking.follow_order(
        auth.current_actor(),
        order_id,
        kind="events",
        expires=auth.login_ends(),
        path=request.path,
        known=int(known or 0),
    )

    response = HandedOver(_open, content_type="text/event-stream; charset=utf-8")
    response.date = clock.now()
    response.headers["Cache-Control"] = "no-store"
    response.headers["Connection"] = "close"
    response.headers["X-Accel-Buffering"] = "no"  # nginx must not collect it
    return response


def _open(environ: dict[str, Any], head: bytes) -> None:
    tracking.opened(g.follower, tracking.take_over(environ), head + _HEAD)
    g.follower = None  # from here on it is the hub's; until here ``clean`` forgets it


@blp.teardown_request
def clean(_error: BaseException | None) -> None:
    """Forget a follower whose stream came to nothing."""
    follower = g.pop("follower", None)
    if follower is not None:
        tracking.forget(follower)


document(
    stream,
    parameters=[
        {
            "in": "header",
            "name": "Last-Event-ID",
            "schema": {"type": "string", "pattern": r"^\d{1,18}$"},
            "description": "The version that the client has; browsers send it on reconnecting.",
        }
    ],
)
