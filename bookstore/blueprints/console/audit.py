"""The audit log: what staff did."""

from flask import Blueprint, Response

from bookstore import auth
from bookstore.blueprints.console.days import as_instants
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import page
from bookstore.schemas.console.audit import AuditFilters
from bookstore.services import audit_log
from bookstore.services.paging import Page

MENU = "Audit log"
blp = Blueprint("audit", __name__, url_prefix="/audit-log")


@blp.get("/")
@staff_asking(AuditFilters)
def index() -> Response:
    """Return the list of what staff did."""
    form, found = Form.asked(AuditFilters), Page([], None)
    with form:
        filters = as_instants(form.load())
        filters.pop("cursor", None)
        found = audit_log.list_entries(
            auth.current_actor(), form.page_request, by=filters.pop("actor", None), **filters
        )
    return page("console/audit_log.html", form.status, form=form, found=found)


@blp.get("/<id:entry_id>")
@staff
def entry(entry_id: int) -> Response:
    """Return one entry."""
    found = audit_log.get(auth.current_actor(), entry_id)
    return page("console/audit_entry.html", entry=found)
