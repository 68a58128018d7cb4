"""Refunds of charges: never more than what is left of one."""

import json
import sqlite3

from bookstore.gateways.stripe_twin import intents, outbox, params as given
from bookstore.gateways.stripe_twin.refusals import Refusal, missing
from bookstore.gateways.stripe_twin.store import Json, Work, dumps, new_id

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(work: Work, params: Json) -> Json:
    """Give back what is asked for, or all that is left, and return the refund."""
    given.only(params, "payment_intent", "amount", "reason", "metadata")
    wanted = given.text(params, "payment_intent", required=True) or ""
    amount = given.whole(params, "amount", 1)
    reason = given.text(params, "reason")
    if reason is not None and reason not in _REASONS:
        raise Refusal(400, message="Invalid reason", param="reason")
    metadata = given.metadata(params)
    intent = intents.retrieve(work.db, wanted, "payment_intent")
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({wanted}) does not have a successful charge to refund."
        raise Refusal(400, kept=True, code="payment_intent_unexpected_state", message=message)
    row = work.db.execute("SELECT body FROM charges WHERE id = ?", [intent["latest_charge"]])
    charge: Json = json.loads(row.fetchone()["body"])
    rest = charge["amount"] - charge["amount_refunded"]
    if rest == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise Refusal(400, kept=True, code="charge_already_refunded", message=message)
    if amount is not None and amount > rest:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({rest})"
        raise Refusal(400, kept=True, message=message, param="amount")
    refund: Json = {
        "id": new_id("re"),
        "object": "refund",
        "amount": rest if amount is None else amount,
        "charge": charge["id"],
        "created": int(work.now),
        "currency": charge["currency"],
        "metadata": metadata,
        "payment_intent": intent["id"],
        "reason": reason,
        "status": "succeeded",
    }
    work.db.execute(
        "INSERT INTO refunds (id, intent, amount, body) VALUES (?, ?, ?, ?)",
        [refund["id"], intent["id"], refund["amount"], dumps(refund)],
    )
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    work.db.execute("UPDATE charges SET body = ? WHERE id = ?", [dumps(charge), charge["id"]])
    outbox.record(work, "refund.created", refund)
    outbox.record(work, "charge.refunded", charge)
    return refund


def retrieve(db: sqlite3.Connection, refund_id: str) -> Json:
    """Return a refund."""
    row = db.execute("SELECT body FROM refunds WHERE id = ?", [refund_id]).fetchone()
    if row is None:
        raise missing("refund", refund_id, "refund")
    return dict(json.loads(row["body"]))


def list_page(db: sqlite3.Connection, params: Json) -> Json:
    """Return a page of refunds, newest first."""
    given.only(params, "created", "payment_intent", "limit", "starting_after")
    low, high = given.span(params, "created")
    limit = given.whole(params, "limit", 1, 100) or 10
    after, place = given.text(params, "starting_after"), 2**62
    if after is not None:
        row = db.execute("SELECT seq FROM refunds WHERE id = ?", [after]).fetchone()
        if row is None:
            raise missing("refund", after, "starting_after")
        place = row["seq"]
    intent = given.text(params, "payment_intent")
    rows = db.execute(
        "SELECT body FROM refunds WHERE seq < ? AND (? IS NULL OR intent = ?)"
        " AND json_extract(body, '$.created') BETWEEN ? AND ? ORDER BY seq DESC LIMIT ?",
        [place, intent, intent, low, high, limit + 1],
    ).fetchall()
    return {
        "object": "list",
        "url": "/v1/refunds",
        "has_more": len(rows) > limit,
        "data": [json.loads(row["body"]) for row in rows[:limit]],
    }
