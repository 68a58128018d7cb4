"""/healthz and /readyz, for whatever keeps the service running."""

from flask import Blueprint, Response

from bookstore.blueprints.answers import json_response
from bookstore.services import health

blp = Blueprint("health", __name__)


@blp.get("/healthz")
def healthz() -> Response:
    """Answer as long as the process is up; asks nothing of anybody."""
    return json_response({"status": "ok"})


@blp.get("/readyz")
def readyz() -> Response:
    """Answer 200 when requests can be served, 503 naming what is wrong.

    Without Redis the shop goes on (slower, without live updates), and without a worker or a
    scheduler it takes orders all the same (what is to leave it waits): 200, status degraded. So it
    does on a database that a later release has migrated: that one is about to take over.
    """
    state = health.look()
    checks = state.checks()
    fine = all(found == "ok" for found in checks.values())
    status = "unavailable" if not state.can_serve else "ok" if fine else "degraded"
    return json_response({"status": status, "checks": checks}, 200 if state.can_serve else 503)
