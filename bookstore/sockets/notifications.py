"""/ws/notifications: one's unread notifications, and each new one."""

from flask import Blueprint, request

from bookstore import auth
from bookstore.services import tracking
from bookstore.services.tracking import Follower
from bookstore.sockets import entrance

blp = Blueprint("notification_socket", __name__)


def _follow() -> Follower:
    return tracking.follow_notifications(
        auth.current_actor(),
        kind="websocket",
        expires=auth.login_ends(),
        path=request.path,
    )


entrance.serve(blp, "/ws/notifications", _follow)
