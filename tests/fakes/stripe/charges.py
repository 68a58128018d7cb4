"""Charges, and the money that goes back: refunds and disputes."""

import secrets

from tests.fakes.stripe.account import Account, Object
from tests.fakes.stripe.cards import Card
from tests.fakes.stripe.wire import Refused

# Those of a refund that has not come to nothing.
COUNTED = ("pending", "requires_action", "succeeded")


def make(account: Account, intent: Object, card: Card) -> Object:
    """Return a new charge that has yet to succeed or fail."""
    return account.add(
        "charge",
        "ch",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        balance_transaction=None,
        captured=False,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_code=None,
        failure_message=None,
        metadata=dict(intent["metadata"]),
        paid=False,
        payment_intent=intent["id"],
        payment_method=intent["payment_method"],
        payment_method_details={"type": card.type, card.type: {"last4": card.number[-4:]}},
        refunded=False,
        status="pending",
    )


def succeed(account: Account, charge: Object) -> None:
    """The money is there."""
    charge.update(
        amount_captured=charge["amount"],
        balance_transaction=_transaction(),
        captured=True,
        paid=True,
        status="succeeded",
    )
    account.emit("charge.succeeded", charge)


def fail(account: Account, charge: Object, code: str, message: str) -> None:
    """The money does not come."""
    charge.update(failure_code=code, failure_message=message, status="failed")
    account.emit("charge.failed", charge)


def retrieve(account: Account, params: Object, id: str) -> Object:
    """GET /v1/charges/{id}."""
    return account.find("charge", id, param="id")


def list_all(account: Account, params: Object) -> Object:
    """GET /v1/charges."""
    equal = {name: params.get(name) for name in ("payment_intent", "customer")}
    return account.page("charge", "/v1/charges", params, **equal)


def refund(account: Account, params: Object) -> Object:
    """POST /v1/refunds."""
    charge = _refundable(account, params)
    rest = charge["amount"] - charge["amount_refunded"]
    if not rest:
        message = f"Charge {charge['id']} has already been refunded."
        raise Refused(400, message, code="charge_already_refunded")
    amount = params.get("amount", rest)
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise Refused(400, message, code="parameter_invalid_integer", param="amount")
    if amount > rest:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({rest})"
        raise Refused(400, message, param="amount")
    made = account.add(
        "refund",
        "re",
        amount=amount,
        balance_transaction=_transaction(),
        charge=charge["id"],
        currency=charge["currency"],
        destination_details={},
        metadata={key: one for key, one in dict(params.get("metadata") or {}).items() if one},
        payment_intent=charge["payment_intent"],
        reason=params.get("reason"),
        receipt_number=None,
        status=account.cards[charge["payment_method"]].refund or account.refunds_start,
    )
    _count(account, charge)
    account.emit("refund.created", made)
    account.emit("charge.refunded", charge)
    return made


def finish_refund(account: Account, id: str, status: str) -> Object:
    """A refund ends as succeeded, failed or canceled; the money of the last two comes back."""
    made = account.find("refund", id)
    possible = {"pending": ("succeeded", "failed", "canceled"), "succeeded": ("failed",)}
    if status not in possible.get(made["status"], ()):
        raise ValueError(f"a refund that is {made['status']} does not become {status}")
    made["status"] = status
    charge = account.find("charge", made["charge"])
    if status == "failed":
        made["failure_reason"] = "expired_or_canceled_card"
        made["failure_balance_transaction"] = _transaction()
    _count(account, charge)
    account.emit("refund.updated", made)
    account.emit("charge.refund.updated", made)
    if status == "failed":
        account.emit("refund.failed", made)
    return made


def retrieve_refund(account: Account, params: Object, id: str) -> Object:
    """GET /v1/refunds/{id}."""
    return account.find("refund", id)


def list_refunds(account: Account, params: Object) -> Object:
    """GET /v1/refunds."""
    for kind in ("payment_intent", "charge"):
        if kind in params:
            account.find(kind, params[kind], param=kind, status=400)
    equal = {name: params.get(name) for name in ("payment_intent", "charge")}
    return account.page("refund", "/v1/refunds", params, **equal)


def list_disputes(account: Account, params: Object) -> Object:
    """GET /v1/disputes."""
    for kind in ("payment_intent", "charge"):
        if kind in params:
            account.find(kind, params[kind], param=kind, status=400)
    equal = {name: params.get(name) for name in ("payment_intent", "charge")}
    return account.page("dispute", "/v1/disputes", params, **equal)


def dispute(account: Account, charge_id: str, amount: int | None, reason: str) -> Object:
    """The customer's bank takes the money back, to begin with."""
    charge = account.find("charge", charge_id)
    charge["disputed"] = True
    made = account.add(
        "dispute",
        "du",
        amount=charge["amount"] if amount is None else amount,
        charge=charge["id"],
        currency=charge["currency"],
        evidence={},
        evidence_details={"due_by": account.now() + 7 * 86400, "has_evidence": False},
        is_charge_refundable=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="needs_response",
    )
    account.emit("charge.dispute.created", made)
    account.emit("charge.dispute.funds_withdrawn", made)
    return made


def close_dispute(account: Account, id: str, won: bool) -> Object:
    """The bank has decided."""
    made = account.find("dispute", id)
    made.update(status="won" if won else "lost", is_charge_refundable=won)
    if won:
        account.emit("charge.dispute.funds_reinstated", made)
    account.emit("charge.dispute.closed", made)
    return made


def _refundable(account: Account, params: Object) -> Object:
    given = [name for name in ("payment_intent", "charge") if name in params]
    if not given:
        message = (
            "One of the following params should be provided for this request: payment_intent or "
            "charge."
        )
        raise Refused(400, message, code="parameter_missing")
    found: list[Object] = []
    for kind in given:
        one = account.find(kind, params[kind], param=kind, status=400)
        id = one["latest_charge"] if kind == "payment_intent" else one["id"]
        charge = account.table("charge").get(id or "")
        if charge is None or charge["status"] != "succeeded":
            message = f"This {kind} ({one['id']}) does not have a successful charge to refund."
            raise Refused(400, message, param=kind)
        found.append(charge)
    if found[0] is not found[-1]:
        raise Refused(400, "The charge is not the PaymentIntent's.", param="charge")
    # Where Stripe says "disputed" for ever, what was won may be given back.
    mine = [d for d in account.table("dispute").values() if d["charge"] == found[0]["id"]]
    if any(one["status"] != "won" for one in mine):
        message = f"Charge {found[0]['id']} has been charged back; cannot issue a refund."
        raise Refused(400, message, code="charge_disputed")
    return found[0]


def _count(account: Account, charge: Object) -> None:
    mine = [one for one in account.table("refund").values() if one["charge"] == charge["id"]]
    gone = sum(one["amount"] for one in mine if one["status"] in COUNTED)
    charge.update(amount_refunded=gone, refunded=gone == charge["amount"])


def _transaction() -> str:
    return f"txn_{secrets.token_hex(12)}"
