"""/webhooks: endpoints, deliveries, the catalogue of events; and /events."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import dumper, json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import PageQuery, page_of
from bookstore.schemas.v2.webhooks import (
    DeliveryQuery,
    DeliverySchema,
    DeliveryWithAttemptsSchema,
    EndpointInput,
    EndpointSchema,
    EndpointSecretSchema,
    EventQuery,
    EventSchema,
    EventsSchema,
    EventTypesSchema,
    ReplayInput,
    ReplaySchema,
)
from bookstore.services import event_log, event_types, webhook_log, webhooks
from bookstore.services.webhooks import Secret

blp = Blueprint("webhooks", __name__, description="Events, told to other systems as they happen")


@blp.get("/webhooks/endpoints")
@requires("staff", scope="webhooks")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(EndpointSchema))
def list_endpoints(query: dict[str, Any]) -> Response:
    """List the shop's endpoints, newest first."""
    page = webhooks.list_endpoints(auth.current_actor(), page_request(query))
    return json_response(page_body(EndpointSchema, page))


@blp.post("/webhooks/endpoints")
@requires("staff", scope="webhooks")
@blp.arguments(EndpointInput)
@idempotent
@blp.response(201, EndpointSecretSchema)
def create_endpoint(body: dict[str, Any]) -> Response:
    """Register an endpoint; `secret` is shown this once.

    422 `url_not_allowed` for a URL that leads into a private network.
    """
    patterns = body.pop("events")
    made = webhooks.create(auth.current_actor(), patterns=patterns, **body)
    response = _with_secret(made, 201)
    response.headers["Location"] = f"/api/v2/webhooks/endpoints/{made.endpoint.id}"
    return response


@blp.get("/webhooks/endpoints/<id:endpoint_id>")
@requires("staff", scope="webhooks")
@blp.response(200, EndpointSchema)
def get_endpoint(endpoint_id: int) -> Any:
    """Return an endpoint, without its secret."""
    return webhooks.get(auth.current_actor(), endpoint_id)


@blp.patch("/webhooks/endpoints/<id:endpoint_id>")
@requires("staff", scope="webhooks")
@blp.arguments(EndpointInput(partial=True))
@blp.response(200, EndpointSchema)
def change_endpoint(body: dict[str, Any], endpoint_id: int) -> Any:
    """Change an endpoint; enabling it, or a new URL, sends at once what waits for it."""
    return webhooks.change(auth.current_actor(), endpoint_id, body)


@blp.delete("/webhooks/endpoints/<id:endpoint_id>")
@requires("staff", scope="webhooks")
@blp.response(204)
def remove_endpoint(endpoint_id: int) -> None:
    """Remove an endpoint, its deliveries and their log."""
    webhooks.remove(auth.current_actor(), endpoint_id)


@blp.post("/webhooks/endpoints/<id:endpoint_id>/rotate-secret")
@requires("staff", scope="webhooks")
@idempotent
@blp.response(200, EndpointSecretSchema)
def rotate_secret(endpoint_id: int) -> Response:
    """Make a new secret, shown this once; the old one also signs for 24 hours."""
    return _with_secret(webhooks.rotate_secret(auth.current_actor(), endpoint_id), 200)


@blp.post("/webhooks/endpoints/<id:endpoint_id>/test")
@requires("staff", scope="webhooks")
@idempotent
@blp.response(201, DeliveryWithAttemptsSchema)
def send_test(endpoint_id: int) -> Any:
    """Send the event `ping`, whatever the endpoint subscribes to; follow its delivery.

    409 `endpoint_disabled`: nothing is sent to it.
    """
    actor = auth.current_actor()
    delivery_id = webhooks.ping(actor, endpoint_id)
    location = {"Location": f"/api/v2/webhooks/deliveries/{delivery_id}"}
    return webhook_log.get(actor, delivery_id), 201, location


@blp.get("/webhooks/endpoints/<id:endpoint_id>/deliveries")
@requires("staff", scope="webhooks")
@blp.arguments(DeliveryQuery, location="query")
@blp.response(200, page_of(DeliverySchema))
def list_deliveries(query: dict[str, Any], endpoint_id: int) -> Response:
    """List an endpoint's deliveries, newest first."""
    page = webhook_log.list_deliveries(
        auth.current_actor(),
        endpoint_id,
        page_request(query),
        status=query.get("status"),
        event_type=query.get("event_type"),
    )
    return json_response(page_body(DeliverySchema, page))


@blp.post("/webhooks/endpoints/<id:endpoint_id>/replay")
@requires("staff", scope="webhooks")
@blp.arguments(ReplayInput)
@idempotent
@blp.response(202, ReplaySchema)
def replay(body: dict[str, Any], endpoint_id: int) -> Any:
    """Send again what failed (or all) since an instant; with `dry_run` only count it."""
    count = webhook_log.replay(auth.current_actor(), endpoint_id, **body)
    return {"count": count, "dry_run": body["dry_run"]}


@blp.get("/webhooks/deliveries/<id:delivery_id>")
@requires("staff", scope="webhooks")
@blp.response(200, DeliveryWithAttemptsSchema)
def get_delivery(delivery_id: int) -> Any:
    """Return a delivery with every attempt at it."""
    return webhook_log.get(auth.current_actor(), delivery_id)


@blp.post("/webhooks/deliveries/<id:delivery_id>/redeliver")
@requires("staff", scope="webhooks")
@idempotent
@blp.response(202, DeliveryWithAttemptsSchema)
def redeliver(delivery_id: int) -> Any:
    """Send one again, now and with all its attempts ahead; `webhook-id` stays the same."""
    return webhook_log.redeliver(auth.current_actor(), delivery_id)


@blp.get("/webhooks/event-types")
@requires("staff", scope="webhooks")
@blp.response(200, EventTypesSchema)
def list_event_types() -> Any:
    """List every type of event with its JSON Schema and an example."""
    return {
        "data": [
            {
                "name": kind.name,
                "description": kind.description,
                "schema": event_types.envelope_schema(kind),
                "example": event_types.envelope_example(kind),
            }
            for kind in event_types.TYPES.values()
        ]
    }


@blp.get("/events")
@requires("staff", scope="webhooks")
@blp.arguments(EventQuery, location="query")
@blp.response(200, EventsSchema)
def list_events(query: dict[str, Any]) -> Response:
    """Return what happened after an event, oldest first, as it was sent.

    Nothing ever appears behind `next_after`: whoever goes on from there misses nothing. 422
    naming `after` when that event is unknown, or too old to be kept (90 days).
    """
    found = event_log.read(
        auth.current_actor(),
        after=query.get("after"),
        limit=query["limit"],
        pattern=query.get("type"),
    )
    more = b"true" if found.has_more else b"false"
    place = b"null" if found.next_after is None else b'"%s"' % found.next_after.encode()
    # The stored bytes, not parsed and written anew.
    events = b",".join(found.bodies)
    return json_response(b'{"data":[%s],"has_more":%s,"next_after":%s}' % (events, more, place))


@blp.get("/events/<string:event_id>")
@requires("staff", scope="webhooks")
@blp.response(200, EventSchema)
def get_event(event_id: str) -> Response:
    """Return an event: the very bytes that are sent."""
    return json_response(event_log.get(auth.current_actor(), event_id))


def _with_secret(made: Secret, status: int) -> Response:
    shown = dumper(EndpointSchema).dump(made.endpoint)
    return json_response({**shown, "secret": made.secret}, status)
