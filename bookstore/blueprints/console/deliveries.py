"""Deliveries to webhook endpoints: the bytes, the answers, and once more."""

from typing import Any

import orjson
from flask import Blueprint, Response, url_for

from bookstore import auth
from bookstore.blueprints.console.entrance import staff
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.schemas.console.webhooks import NoFields
from bookstore.services import webhook_log, webhook_requests

_HELD = "It waits until its endpoint is enabled again."
blp = Blueprint("deliveries", __name__, url_prefix="/webhooks/deliveries")


@blp.get("/<id:delivery_id>")
@staff
def delivery(delivery_id: int) -> Response:
    """Return a delivery: what is sent, and every attempt at it."""
    return _show(delivery_id, Form.of(NoFields))


@blp.get("/<id:delivery_id>/body")
@staff
def body(delivery_id: int) -> Response:
    """Return the very bytes that are sent, as a file."""
    sent = webhook_requests.get(auth.current_actor(), delivery_id)
    response = Response(sent.body, content_type="application/json")
    response.headers["Content-Disposition"] = f"attachment; filename=delivery-{delivery_id}.json"
    return response


@blp.post("/<id:delivery_id>/redeliver")
@staff
def redeliver(delivery_id: int) -> Any:
    """Send it again."""
    form = Form.sent(NoFields)
    with form:
        state = form.once(lambda: webhook_log.redeliver(auth.current_actor(), delivery_id).state)
        here = url_for("console.deliveries.delivery", delivery_id=delivery_id)
        said = _HELD if state == webhook_log.HELD else "It is sent again, with the same webhook-id."
        return done(said, here)
    return _show(delivery_id, form)


def _show(delivery_id: int, form: Form) -> Response:
    actor = auth.current_actor()
    found = webhook_log.get(actor, delivery_id)
    sent = webhook_requests.get(actor, delivery_id)
    return page(
        "console/delivery.html",
        form.status,
        form=form,
        delivery=found,
        sent=sent,
        raw=sent.body.decode(),
        pretty=orjson.dumps(orjson.loads(sent.body), option=orjson.OPT_INDENT_2).decode(),
    )
