"""Refusals of WebSockets and streams."""

from bookstore.errors.base import BookstoreError, Forbidden


class OriginNotAllowed(Forbidden):
    """A page of another site may not open sockets here.

    Whoever runs the shop adds the page's origin to `CORS_ORIGINS`.
    """

    code = "origin_not_allowed"


class UpgradeRequired(BookstoreError):
    """This is a WebSocket: connect with a WebSocket client (RFC 6455, version 13).

    Open the address as ws:// or wss://. A proxy has to pass `Upgrade` on.
    """

    code = "upgrade_required"
    title = "Upgrade required"


class TooManySockets(BookstoreError):
    """A user may have 20 sockets and streams at once.

    Close the ones that nobody looks at; one socket can be shared by the tabs of a page.
    """

    code = "too_many_sockets"
    title = "Too many sockets"


class SocketsUnsupported(BookstoreError):
    """This server cannot hold sockets; the shop's own gunicorn.conf.py can.

    Start the shop with `flask serve` or gunicorn, not with `flask run`.
    """

    code = "sockets_unsupported"
    title = "Not supported by this server"


class LiveUnavailable(BookstoreError):
    """Live updates are not available for the moment; try again.

    Connect again after a random pause of some seconds; until then GET the order.
    """

    code = "live_unavailable"
    title = "Live updates unavailable"
