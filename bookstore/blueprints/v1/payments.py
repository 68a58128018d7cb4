"""payments/ of v1."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.v1.base import Blueprint, replaced_by, requires
from bookstore.schemas.v1.orders import PaymentIntentInput, PaymentIntentSchema
from bookstore.services import paying

blp = Blueprint("v1_payments", __name__, description="Paying orders")


@blp.post("/payments/create_payment_intent/")
@replaced_by("POST /orders/{order_id}/payment-intent")
@requires("user")
@blp.arguments(PaymentIntentInput)
@blp.response(200, PaymentIntentSchema)
def create_payment_intent(body: dict[str, int]) -> Any:
    """Return the payment intent of one's order, for the order's own amount; always the same."""
    return paying.open_intent(auth.current_actor(), body["order_id"])
