"""Webhook endpoints: who is told of what, and their secrets."""

from typing import Any

from flask import Blueprint, Response, url_for

from bookstore import auth
from bookstore.blueprints.console.days import as_instants
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.schemas.console.coupons import SwitchForm
from bookstore.schemas.console.webhooks import (
    DeliveryFilters,
    EndpointFilters,
    EndpointForm,
    NoFields,
    ReplayForm,
)
from bookstore.schemas.v2.webhooks import DELIVERY_STATUSES, REPLAYABLE
from bookstore.services import event_types, webhook_log, webhooks
from bookstore.services.paging import Page

MENU = "Webhooks"
blp = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@blp.get("/")
@staff_asking(EndpointFilters)
def index() -> Response:
    """Return the list of endpoints."""
    form, found = Form.asked(EndpointFilters), Page([], None)
    with form:
        form.load()
        found = webhooks.list_endpoints(auth.current_actor(), form.page_request)
    return page("console/webhooks.html", form.status, form=form, found=found)


@blp.get("/new")
@staff
def new() -> Response:
    """Return the form that makes an endpoint."""
    return _show_new(Form.of(EndpointForm, is_active="true"))


@blp.post("/new")
@staff
def create() -> Any:
    """Make an endpoint, and show its secret this once."""
    form = Form.sent(EndpointForm)
    with form:
        given = form.load()
        shown: list[str] = []

        def work() -> str:
            made = webhooks.create(
                auth.current_actor(),
                given["url"],
                given["events"],
                description=given.get("description", ""),
                is_active=given.get("is_active", False),
            )
            shown.append(made.secret)
            return str(made.endpoint.id)

        return _secret(int(form.once(work)), shown)
    return _show_new(form)


@blp.get("/<id:endpoint_id>")
@staff_asking(DeliveryFilters)
def endpoint(endpoint_id: int) -> Response:
    """Return an endpoint with its deliveries."""
    return _show(endpoint_id)


@blp.get("/<id:endpoint_id>/edit")
@staff
def edit(endpoint_id: int) -> Response:
    """Return the form that changes an endpoint."""
    found = webhooks.get(auth.current_actor(), endpoint_id)
    given = {"url": found.url, "description": found.description, "events": found.events}
    return _show_edit(endpoint_id, Form.of(EndpointForm, **given))


@blp.post("/<id:endpoint_id>/edit")
@staff
def change(endpoint_id: int) -> Any:
    """Change an endpoint."""
    form = Form.sent(EndpointForm)
    with form:
        given = form.load({"description": ""})
        webhooks.change(auth.current_actor(), endpoint_id, given)
        return done("The endpoint is changed.", _url(endpoint_id))
    return _show_edit(endpoint_id, form)


@blp.post("/<id:endpoint_id>/switch")
@staff
def switch(endpoint_id: int) -> Any:
    """Enable or disable an endpoint; enabling sends at once what waits for it."""
    form = Form.sent(SwitchForm)
    with form:
        wanted = form.load()
        webhooks.change(auth.current_actor(), endpoint_id, wanted)
        said = "It is enabled: what waited for it is sent." if wanted["is_active"] else _HELD
        return done(said, _url(endpoint_id))
    return _show(endpoint_id, form)


@blp.post("/<id:endpoint_id>/rotate-secret")
@staff
def rotate_secret(endpoint_id: int) -> Any:
    """Make a new secret, and show it this once."""
    form = Form.sent(NoFields)
    with form:
        shown: list[str] = []
        form.once(
            lambda: shown.append(webhooks.rotate_secret(auth.current_actor(), endpoint_id).secret)
        )
        return _secret(endpoint_id, shown)
    return _show(endpoint_id, form)


@blp.post("/<id:endpoint_id>/test")
@staff
def ping(endpoint_id: int) -> Any:
    """Send the test event, and lead to its delivery."""
    form = Form.sent(NoFields)
    with form:
        made = form.once(lambda: str(webhooks.ping(auth.current_actor(), endpoint_id)))
        return done(
            "The test event is on its way.",
            url_for("console.deliveries.delivery", delivery_id=int(made)),
        )
    return _show(endpoint_id, form)


@blp.post("/<id:endpoint_id>/replay")
@staff
def replay(endpoint_id: int) -> Any:
    """Send again what failed (or all) since an instant."""
    form = Form.sent(ReplayForm)
    with form:
        given = form.load()
        count = form.once(
            lambda: str(webhook_log.replay(auth.current_actor(), endpoint_id, **given))
        )
        return done(f"Deliveries that are sent again: {count}.", _url(endpoint_id))
    return _show(endpoint_id, form)


@blp.post("/<id:endpoint_id>/remove")
@staff
def remove(endpoint_id: int) -> Any:
    """Remove an endpoint with its deliveries and their log."""
    webhooks.remove(auth.current_actor(), endpoint_id)
    return done("The endpoint is gone.", url_for("console.webhooks.index"))


_HELD = "It is disabled: what happens meanwhile is held for it."


def _url(endpoint_id: int) -> str:
    return url_for("console.webhooks.endpoint", endpoint_id=endpoint_id)


def _secret(endpoint_id: int, shown: list[str]) -> Response:
    """Return the only page that has a secret; sent again, the form is answered without."""
    secret = shown[0] if shown else None
    return page("console/webhook_secret.html", endpoint_id=endpoint_id, secret=secret)


def _show_new(form: Form) -> Response:
    patterns = event_types.patterns()
    return page("console/webhook_new.html", form.status, form=form, patterns=patterns)


def _show_edit(endpoint_id: int, form: Form) -> Response:
    return page(
        "console/webhook_edit.html",
        form.status,
        form=form,
        endpoint_id=endpoint_id,
        patterns=event_types.patterns(),
    )


def _show(endpoint_id: int, form: Form | None = None) -> Response:
    actor, asked = auth.current_actor(), Form.asked(DeliveryFilters, _url(endpoint_id))
    found, deliveries = webhooks.get(actor, endpoint_id), Page([], None)
    with asked:
        filters = as_instants(asked.load())
        filters.pop("cursor", None)
        q = filters.pop("q", None)
        if q is not None:
            filters["event_id" if q.startswith("evt_") else "order_number"] = q
        deliveries = webhook_log.list_deliveries(actor, endpoint_id, asked.page_request, **filters)
    form = form or Form.of(ReplayForm, status="failed")
    return page(
        "console/webhook.html",
        form.status if form.problem else asked.status,
        endpoint=found,
        asked=asked,
        form=form,
        deliveries=deliveries,
        statuses=DELIVERY_STATUSES,
        replayable=REPLAYABLE,
        patterns=event_types.patterns(),
    )
