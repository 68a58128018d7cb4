"""/audit-log: what staff did."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.schemas.common import page_of
from bookstore.schemas.v2.audit import AuditEntrySchema, AuditQuery
from bookstore.services import audit_log

blp = Blueprint("audit", __name__, description="What staff did")


@blp.get("/audit-log")
@requires("staff")
@blp.arguments(AuditQuery, location="query")
@blp.response(200, page_of(AuditEntrySchema))
def list_entries(query: dict[str, Any]) -> Response:
    """List what staff did, newest first."""
    page = audit_log.list_entries(
        auth.current_actor(),
        page_request(query),
        by=query.get("actor"),
        **{name: query.get(name) for name in ("action", "target", "since", "until")},
    )
    return json_response(page_body(AuditEntrySchema, page))
