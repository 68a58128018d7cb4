"""Payment intents and their charges: made, confirmed, authenticated, cancelled, listed."""

import json
import secrets
import sqlite3

from bookstore import money
from bookstore.gateways.stripe_twin import outbox, params as given
from bookstore.gateways.stripe_twin.cards import Card
from bookstore.gateways.stripe_twin.refusals import Refusal, missing, wrong_state
from bookstore.gateways.stripe_twin.store import Json, Work, dumps, new_id

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
PAGE = "/payments/test/3ds/"


def create(work: Work, params: Json) -> Json:
    """Make an intent that waits for a card, and return it."""
    known = ("amount", "currency", "customer", "metadata", "automatic_payment_methods")
    given.only(params, *known, "description")
    amount = given.whole(params, "amount", 1, required=True) or 0
    currency = (given.text(params, "currency", required=True) or "").lower()
    if len(currency) != 3 or not currency.isalpha():
        raise Refusal(400, message=f"Invalid currency: {currency}", param="currency")
    _check(amount, currency)
    customer = given.text(params, "customer")
    if customer is not None:
        known_customer = work.db.execute("SELECT 1 FROM customers WHERE id = ?", [customer])
        if known_customer.fetchone() is None:
            raise missing("customer", customer, "customer")
    intent_id = new_id("pi")
    intent: Json = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": {
            "allow_redirects": "always",
            "enabled": given.flag(given.inner(params, "automatic_payment_methods"), "enabled"),
        },
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{secrets.token_urlsafe(18)}",
        "confirmation_method": "automatic",
        "created": int(work.now),
        "currency": currency,
        "customer": customer,
        "description": given.text(params, "description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": given.metadata(params),
        "next_action": None,
        "payment_method": None,
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }
    work.db.execute(
        "INSERT INTO intents (id, created, body) VALUES (?, ?, ?)",
        [intent_id, intent["created"], dumps(intent)],
    )
    outbox.record(work, "payment_intent.created", intent)
    return intent


def _check(amount: int, currency: str) -> None:
    """Refuse an amount that no card can be charged."""
    least, most = (money.to_stripe(limit, currency) for limit in money.charge_limits(currency))
    if not least <= amount <= most:
        what, word = ("small", "at least") if amount < least else ("large", "no more than")
        message = f"Amount must be {word} {least if what == 'small' else most} {currency}"
        raise Refusal(400, code=f"amount_too_{what}", message=message, param="amount")


def retrieve(db: sqlite3.Connection, intent_id: str, param: str = "intent") -> Json:
    """Return an intent; ``param`` is what named it."""
    row = db.execute("SELECT body FROM intents WHERE id = ?", [intent_id]).fetchone()
    if row is None:
        raise missing("payment_intent", intent_id, param)
    return dict(json.loads(row["body"]))


def find_by_token(db: sqlite3.Connection, token: str) -> Json | None:
    """Return the intent whose customer is, or was last, asked to authenticate at this token."""
    row = db.execute("SELECT body FROM intents WHERE token = ?", [token]).fetchone()
    return None if row is None else dict(json.loads(row["body"]))


def list_page(db: sqlite3.Connection, params: Json) -> Json:
    """Return a page of intents, newest first."""
    given.only(params, "created", "limit", "starting_after", "customer")
    low, high = given.span(params, "created")
    limit = given.whole(params, "limit", 1, 100) or 10
    after, place = given.text(params, "starting_after"), (10**12, 2**62)
    if after is not None:
        row = db.execute("SELECT created, rowid AS n FROM intents WHERE id = ?", [after])
        found = row.fetchone()
        if found is None:
            raise missing("payment_intent", after, "starting_after")
        place = (found["created"], found["n"])
    customer = given.text(params, "customer")
    rows = db.execute(
        "SELECT body FROM intents WHERE created BETWEEN ? AND ? AND (created, rowid) < (?, ?)"
        " AND (? IS NULL OR json_extract(body, '$.customer') = ?)"
        " ORDER BY created DESC, rowid DESC LIMIT ?",
        [low, high, *place, customer, customer, limit + 1],
    ).fetchall()
    return {
        "object": "list",
        "url": "/v1/payment_intents",
        "has_more": len(rows) > limit,
        "data": [json.loads(row["body"]) for row in rows[:limit]],
    }


def confirm(
    work: Work, intent: Json, card: Card, *, off_session: bool = False, return_url: str | None
) -> Json:
    """Try to charge a card, and return the intent as it is then.

    When the card was declined, its ``last_payment_error`` says why; when it asks for
    authentication, its ``next_action`` says where.
    """
    if intent["status"] not in OPEN:
        raise wrong_state("confirm", intent, OPEN)
    method = new_id("pm")
    if card.decline is not None:
        return _decline(work, intent, card, method)
    if card.asks and off_session:
        # Nobody is there to be asked.
        asked = Card(card.brand, card.last4, "authentication_required", "authentication_required")
        return _decline(work, intent, asked, method)
    if not card.asks:
        return _charge(work, intent, method)
    token = secrets.token_urlsafe(24)
    redirect = {"return_url": return_url, "url": f"{work.shop_url}{PAGE}{token}"}
    intent |= {
        "status": "requires_action",
        "last_payment_error": None,
        "next_action": {"type": "redirect_to_url", "redirect_to_url": redirect},
        "payment_method": method,
    }
    work.db.execute("UPDATE intents SET token = ? WHERE id = ?", [token, intent["id"]])
    return _changed(work, intent, "payment_intent.requires_action")


def authenticate(work: Work, intent: Json, *, succeed: bool) -> Json:
    """Answer for the customer who was asked whether it is them, and return the intent."""
    if intent["status"] != "requires_action":
        raise wrong_state("authenticate", intent, ("requires_action",))
    if succeed:
        return _charge(work, intent, intent["payment_method"])
    return _failed(
        work,
        intent,
        {
            "code": "payment_intent_authentication_failure",
            "message": "We are unable to authenticate your payment method. Please choose a"
            " different payment method and try again.",
            "type": "invalid_request_error",
        },
    )


def cancel(work: Work, intent: Json, params: Json) -> Json:
    """Cancel an intent that has not come to an end, and return it."""
    given.only(params, "cancellation_reason")
    if intent["status"] not in OPEN:
        raise wrong_state("cancel", intent, OPEN)
    reason = given.text(params, "cancellation_reason")
    reasons = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
    if reason is not None and reason not in reasons:
        raise Refusal(400, message="Invalid cancellation_reason", param="cancellation_reason")
    intent |= {
        "status": "canceled",
        "canceled_at": int(work.now),
        "cancellation_reason": reason,
        "next_action": None,
    }
    return _changed(work, intent, "payment_intent.canceled")


def _charge(work: Work, intent: Json, method: str) -> Json:
    charge = _new_charge(work, intent, method) | {
        "amount_captured": intent["amount"],
        "captured": True,
        "paid": True,
        "status": "succeeded",
    }
    _keep_charge(work, charge)
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": method,
    }
    return _changed(work, intent, "payment_intent.succeeded")


def _decline(work: Work, intent: Json, card: Card, method: str) -> Json:
    failure = {"failure_code": card.code, "failure_message": card.message, "status": "failed"}
    charge = _new_charge(work, intent, method) | failure
    _keep_charge(work, charge)
    intent["latest_charge"] = charge["id"]
    details = {"brand": card.brand, "last4": card.last4}
    error = {
        "charge": charge["id"],
        "code": card.code,
        "decline_code": card.decline,
        "message": card.message,
        "payment_method": {"id": method, "object": "payment_method", "card": details},
        "type": "card_error",
    }
    return _failed(work, intent, error)


def _failed(work: Work, intent: Json, error: Json) -> Json:
    intent |= {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "next_action": None,
        "payment_method": None,
    }
    return _changed(work, intent, "payment_intent.payment_failed")


def _new_charge(work: Work, intent: Json, method: str) -> Json:
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "captured": False,
        "created": int(work.now),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": intent["metadata"],
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method,
        "refunded": False,
        "status": "pending",
    }


def _keep_charge(work: Work, charge: Json) -> None:
    work.db.execute(
        "INSERT INTO charges (id, intent, body) VALUES (?, ?, ?)",
        [charge["id"], charge["payment_intent"], dumps(charge)],
    )


def _changed(work: Work, intent: Json, event: str) -> Json:
    work.db.execute("UPDATE intents SET body = ? WHERE id = ?", [dumps(intent), intent["id"]])
    outbox.record(work, event, intent)
    return intent
