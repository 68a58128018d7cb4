"""/internal: what the shop's parts ask each other; never to be reached from outside.

Told apart from a user's requests by SERVICE_TOKEN. Each part has its own; in a shop of one process
all are here, for whatever else of the owner's asks.
"""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.internal import (
    PeerBooksQuery,
    PeerBooksSchema,
    PeerOrderInput,
    PeerOrderSchema,
    PeerUserSchema,
)
from bookstore.services import (
    order_creation,
    orders as order_services,
    peer_catalog,
    peer_orders,
    peer_users,
)

catalog = Blueprint("internal_catalog", __name__, description="Books, for other parts")
orders = Blueprint("internal_orders", __name__, description="Orders, for other parts")
users = Blueprint("internal_users", __name__, description="Users, for other parts")


@users.get("/internal/users/<id:user_id>")
@requires("service")
@users.response(200, PeerUserSchema)
def get_user(user_id: int) -> Any:
    """Return who a user is."""
    return peer_users.read_user(user_id)


@catalog.get("/internal/books")
@requires("service")
@catalog.arguments(PeerBooksQuery, location="query")
@catalog.response(200, PeerBooksSchema)
def get_books(query: dict[str, Any]) -> Any:
    """Return what books are called and cost."""
    return {"data": peer_catalog.read_books(query["ids"])}


@orders.post("/internal/orders")
@requires("service")
@orders.arguments(PeerOrderInput)
@idempotent
@orders.response(201, PeerOrderSchema)
def create_order(body: dict[str, Any]) -> Any:
    """Order copies for a user."""
    return peer_orders.value_of(order_creation.create(auth.current_actor(), **body))


@orders.get("/internal/orders/<id:order_id>")
@requires("service")
@orders.response(200, PeerOrderSchema)
def get_order(order_id: int) -> Any:
    """Return an order."""
    return peer_orders.value_of(order_services.get(auth.current_actor(), order_id))
