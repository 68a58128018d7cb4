"""/ws/orders/<id>: how an order stands, and each change of it."""

from flask import Blueprint, request

from bookstore import auth
from bookstore.services import tracking
from bookstore.services.tracking import Follower
from bookstore.sockets import entrance

blp = Blueprint("order_socket", __name__)


def _follow(order_id: int) -> Follower:
    return tracking.follow_order(
        auth.current_actor(),
        order_id,
        kind="websocket",
        expires=auth.login_ends(),
        path=request.path,
    )


entrance.serve(blp, "/ws/orders/<id:order_id>", _follow, scope="orders:read")
