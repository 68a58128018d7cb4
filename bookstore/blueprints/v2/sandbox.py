"""/payments/test."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.schemas.v2.sandbox import ConfirmedSchema, ConfirmInput
from bookstore.services import sandbox

blp = Blueprint("sandbox", __name__, description="Test cards, in shops without a Stripe key")


@blp.post("/payments/test/confirm")
@requires("user")
@blp.arguments(ConfirmInput)
@blp.response(200, ConfirmedSchema)
def confirm(body: dict[str, Any]) -> Any:
    """Pay one's own order with one of Stripe's test cards, as Stripe's script would in a browser.

    A declined card is a 200 too: `requires_payment_method` with `decline_code`; then try another.
    With `requires_action` send the buyer to `next_action.url`. The order moves when the signed
    event has come, a moment later. 404 where real cards are taken; 409 `already_paid`;
    `order_not_payable` when the intent was cancelled.
    """
    return sandbox.confirm(auth.current_actor(), **body)
