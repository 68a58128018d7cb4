"""Paying orders, and giving money back."""

from typing import Any

from flask import request

from bookstore import auth
from bookstore.blueprints.api import Blueprint, raw_body, requires
from bookstore.blueprints.documenting import document
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.payments import (
    PaymentIntentSchema,
    ReceivedSchema,
    RefundInput,
    RefundSchema,
    RefundsSchema,
)
from bookstore.services import paying, payment_events, refunds

blp = Blueprint("payments", __name__, description="Payments and refunds, by Stripe")


@blp.post("/orders/<id:order_id>/payment-intent")
@requires("user")
@blp.response(200, PaymentIntentSchema)
def open_intent(order_id: int) -> Any:
    """Return the payment intent of one's order, made if there is none yet.

    The amount is the order's own: a body is not looked at. Asked again, it is the same intent, so
    this may be repeated without a key. 409 `already_paid`; `order_not_payable` when it is
    cancelled, in review, its time has run out, or Stripe refuses it for good. 503
    `payments_unavailable` may be repeated. Whether it was paid is told by Stripe to the shop:
    watch the order.
    """
    return paying.open_intent(auth.current_actor(), order_id)


@blp.post("/orders/<id:order_id>/refunds")
@requires("staff", scope="orders:write")
@blp.arguments(RefundInput)
@idempotent
@blp.response(201, RefundSchema)
def refund(body: dict[str, Any], order_id: int) -> Any:
    """Give (part of) an order's payment back.

    The answer is there before Stripe has done it; `order.refunded` follows when it has. 409
    `refund_exceeds_payment` when there is less left, or the buyer's bank has it by a dispute;
    `already_restocked`.
    """
    return refunds.request(auth.current_actor(), order_id, **body)


@blp.get("/orders/<id:order_id>/refunds")
@requires("user", scope="orders:read")
@blp.response(200, RefundsSchema)
def list_refunds(order_id: int) -> Any:
    """List an order's refunds, oldest first (its buyer, and staff)."""
    return {"data": refunds.list_refunds(auth.current_actor(), order_id)}


@blp.post("/payments/stripe/events")
@requires("anyone")
@blp.response(200, ReceivedSchema)
def receive_event() -> Any:
    """Take an event from Stripe: the endpoint to register there.

    The signature is checked on the raw bytes: 400 `signature_invalid`. Each event takes effect
    once, in whatever order and however often they come; what the shop has no use for is accepted.
    """
    payment_events.receive(raw_body(request), request.headers.get("Stripe-Signature", ""))
    return {"received": True}


document(
    receive_event,
    requestBody={
        "required": True,
        "description": "An event object of Stripe's API.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    parameters=[
        {
            "in": "header",
            "name": "Stripe-Signature",
            "required": True,
            "schema": {"type": "string"},
            "description": "By which Stripe signs, with the secret of this endpoint.",
        }
    ],
)
