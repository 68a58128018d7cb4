"""/ws/jobs/<id>: how far a job is, and each change of it."""

from flask import Blueprint, request

from bookstore import auth
from bookstore.services import tracking
from bookstore.services.tracking import Follower
from bookstore.sockets import entrance

blp = Blueprint("job_socket", __name__)


def _follow(job_id: int) -> Follower:
    return tracking.follow_job(
        auth.current_actor(),
        job_id,
        kind="websocket",
        expires=auth.login_ends(),
        path=request.path,
    )


entrance.serve(blp, "/ws/jobs/<id:job_id>", _follow, scope="by field")
