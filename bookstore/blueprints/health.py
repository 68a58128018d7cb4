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

    Without Redis the shop goes on (slower, without live updates): 200, status degraded.
    """
    checks = health.check()
    down = checks["database"] != "ok" or checks["migrations"] != "ok"
    status = "unavailable" if down else "ok" if checks["redis"] == "ok" else "degraded"
    return json_response({"status": status, "checks": checks}, 503 if down else 200)
