"""Customers: found, helped, and what they may."""

from typing import Any

from flask import Blueprint, Response, url_for

from bookstore import auth
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.schemas.console.customers import (
    BY,
    CustomerFilters,
    PremiumForm,
    SessionForm,
    StaffForm,
)
from bookstore.services import customers
from bookstore.services.paging import Page

MENU = "Customers"
blp = Blueprint("customers", __name__, url_prefix="/customers")


@blp.get("/")
@staff_asking(CustomerFilters)
def index() -> Response:
    """Return the list of customers."""
    form, found = Form.asked(CustomerFilters), Page([], None)
    with form:
        filters = form.load()
        found = customers.search(
            auth.current_actor(),
            form.page_request,
            q=filters.get("q", ""),
            by=filters.get("by", ""),
            staff_only=filters.get("staff", False),
        )
    return page("console/customers.html", form.status, form=form, found=found, by=BY)


@blp.get("/<id:user_id>")
@staff
def customer(user_id: int) -> Response:
    """Return a customer."""
    return _show(user_id)


@blp.post("/<id:user_id>/sessions")
@staff
def end_session(user_id: int) -> Any:
    """End one of a customer's logins, or all."""
    form = Form.sent(SessionForm)
    with form:
        given = form.load()
        count = customers.end_session(auth.current_actor(), user_id, given.get("session"))
        said = "No login was left to end." if not count else f"Logins ended: {count}."
        return done(said, url_for("console.customers.customer", user_id=user_id))
    return _show(user_id, form)


@blp.post("/<id:user_id>/premium")
@staff
def set_premium(user_id: int) -> Any:
    """Make somebody a premium customer, or no longer."""
    form = Form.sent(PremiumForm)
    with form:
        wanted = form.load()["is_premium"]
        customers.set_premium(auth.current_actor(), user_id, wanted)
        said = "A premium customer now." if wanted else "No longer a premium customer."
        return done(said, url_for("console.customers.customer", user_id=user_id))
    return _show(user_id, form)


@blp.post("/<id:user_id>/staff")
@staff
def set_staff(user_id: int) -> Any:
    """Make somebody staff, or no longer, if their name was typed as well."""
    form = Form.sent(StaffForm)
    with form:
        given = form.load()
        wanted = given["is_staff"]
        customers.set_staff(
            auth.current_actor(), user_id, wanted, confirmed_username=given["username"]
        )
        said = "A member of staff now." if wanted else "No longer staff."
        return done(said, url_for("console.customers.customer", user_id=user_id))
    return _show(user_id, form)


def _show(user_id: int, form: Form | None = None) -> Response:
    found = customers.get(auth.current_actor(), user_id)
    form = form or Form.of(StaffForm)
    return page("console/customer.html", form.status, found=found, user=found.user, form=form)
