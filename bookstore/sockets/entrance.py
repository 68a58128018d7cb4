"""Who may open a WebSocket, decided before the upgrade; and the socket's way to the hub."""

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, request
from flask_sock import Sock

from bookstore import auth, errors
from bookstore.extensions import settings
from bookstore.services import tracking
from bookstore.services.tracking import Follower

# What the handshake reads. The rest stays out: no compression (100 KiB a socket for messages of
# 200 bytes), no subprotocol, and no token in the memory of a socket that lives for hours.
_HANDSHAKE = {
    "HTTP_HOST",
    "HTTP_UPGRADE",
    "HTTP_CONNECTION",
    "HTTP_SEC_WEBSOCKET_KEY",
    "HTTP_SEC_WEBSOCKET_VERSION",
}
sock = Sock()


class NoThread:
    """Stands in for the thread that would read each socket."""

    def __init__(self, target: object) -> None:
        self.name = "none"

    def start(self) -> None:
        """Do nothing."""


def serve(
    blp: Blueprint, path: str, follow: Callable[..., Follower], scope: auth.Needed = None
) -> None:
    """Serve WebSockets at ``path``, the only one of ``blp``.

    Args:
        blp: not registered yet.
        path: with or without arguments.
        follow: is given the arguments and returns who follows what from now on; whatever it
            raises is answered instead of the upgrade.
        scope: what an API key needs; None: no key is let in; by field: ``follow`` asks.
    """

    def admit() -> None:
        if request.url_rule is None or not request.url_rule.websocket:
            raise errors.UpgradeRequired
        _check_handshake()
        _check_origin()
        if not tracking.usable(request.environ):
            raise errors.SocketsUnsupported
        auth.identify_for_socket(scope)
        unknown = set(request.args) - {"ticket"}
        if unknown:
            raise errors.Invalid({name: ["Unknown field."] for name in unknown})
        g.follower = follow(**(request.view_args or {}))
        for name in [n for n in request.environ if n.startswith("HTTP_") and n not in _HANDSHAKE]:
            del request.environ[name]

    def upgraded(ws: Any, **_arguments: Any) -> None:
        tracking.opened(g.follower, tracking.take_over(request.environ))
        g.follower = None  # from here on it is the hub's; until here ``clean`` forgets it
        ws.connected = False  # flask-sock has nothing to close

    def plain(**_arguments: Any) -> Response:
        raise errors.UpgradeRequired

    def end(response: Response) -> Response:
        if "follower" in g and g.follower is None:
            response.status_code = 101  # for the log; nothing of this response is sent
        return response

    def clean(_error: BaseException | None) -> None:
        follower = g.pop("follower", None)
        if follower is not None:
            tracking.forget(follower)

    upgraded.access = plain.access = "user"  # type: ignore[attr-defined]
    upgraded.scope = plain.scope = scope  # type: ignore[attr-defined]
    upgraded.checks_query = plain.checks_query = True  # type: ignore[attr-defined]
    sock.route(path, bp=blp, endpoint="follow")(upgraded)
    blp.get(path, endpoint="plain")(plain)
    blp.before_request(admit)
    blp.after_request(end)
    blp.teardown_request(clean)


def _check_handshake() -> None:
    """Refuse here what the handshake itself would only answer with a broken connection."""
    key = request.headers.get("Sec-WebSocket-Key", "")
    try:
        good = len(base64.b64decode(key.strip(), validate=True)) == 16
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise errors.Invalid({"Sec-WebSocket-Key": ["Must be 16 bytes in base64."]})
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise errors.UpgradeRequired
    environ = request.environ
    if environ.get("CONTENT_LENGTH") not in {None, "", "0"} or "HTTP_TRANSFER_ENCODING" in environ:
        raise errors.Invalid({"body": ["A handshake has none."]})


def _check_origin() -> None:
    """Refuse browsers on pages of other sites (RFC 6455 10.2); other clients send no Origin.

    Pages cannot use somebody's login without having it, as no cookie is sent here; that only those
    of CORS_ORIGINS may try is a second bar.
    """
    origin = request.headers.get("Origin")
    if origin is None or origin in settings().allowed_origins:
        return
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        host = ""
    own = {request.host.lower(), urlsplit(settings().shop_url).netloc.lower()}
    if not host or host not in own:
        raise errors.OriginNotAllowed
