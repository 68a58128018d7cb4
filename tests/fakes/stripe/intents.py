"""Customers, payment intents, and what becomes of an attempt to pay."""

import copy
import secrets
from typing import Any

from tests.fakes.stripe import cards, charges, currencies
from tests.fakes.stripe.account import Account, Object
from tests.fakes.stripe.cards import Card
from tests.fakes.stripe.wire import Refused

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (*CONFIRMABLE, "requires_capture")


def create_customer(account: Account, params: Object) -> Object:
    """POST /v1/customers."""
    fields = {"email": None, "name": None, "phone": None, "description": None, "address": None}
    metadata = _kept(params.get("metadata"))
    made = account.add("customer", "cus", **{**fields, **_plain(params), "metadata": metadata})
    account.emit("customer.created", made)
    return made


def retrieve_customer(account: Account, params: Object, id: str) -> Object:
    """GET /v1/customers/{id}."""
    return account.find("customer", id)


def create(account: Account, params: Object) -> Object:
    """POST /v1/payment_intents."""
    currencies.check(params["amount"], params["currency"])
    if customer := params.get("customer"):
        account.find("customer", customer, param="customer", status=400)
    confirm = params.get("confirm", False)
    for name in ("off_session", "return_url", "error_on_requires_action"):
        if name in params and not confirm:
            message = f"The parameter `{name}` can only be used when `confirm` is true."
            raise Refused(400, message, param=name)
    if params.get("capture_method") == "manual":
        raise Refused(400, "This stand-in captures by itself.", param="capture_method")
    method = _method(account, params)
    automatic = params.get("automatic_payment_methods") or {"enabled": True}
    if automatic["enabled"]:
        automatic = {"allow_redirects": "always", **automatic}
    made = account.add(
        "payment_intent",
        "pi",
        amount=params["amount"],
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        automatic_payment_methods=automatic,
        canceled_at=None,
        cancellation_reason=None,
        capture_method=params.get("capture_method", "automatic_async"),
        confirmation_method=params.get("confirmation_method", "automatic"),
        currency=params["currency"],
        customer=params.get("customer"),
        description=params.get("description"),
        last_payment_error=None,
        latest_charge=None,
        metadata=_kept(params.get("metadata")),
        next_action=None,
        payment_method=method and method["id"],
        payment_method_types=["card"],
        processing=None,
        receipt_email=params.get("receipt_email"),
        setup_future_usage=params.get("setup_future_usage"),
        shipping=params.get("shipping"),
        status="requires_confirmation" if method else "requires_payment_method",
    )
    made["client_secret"] = f"{made['id']}_secret_{secrets.token_hex(12)}"
    if confirm:
        _check_return_url(made, params)
    account.emit("payment_intent.created", made)
    if confirm:
        _attempt(account, made, params)
    return made


def retrieve(account: Account, params: Object, id: str) -> Object:
    """GET /v1/payment_intents/{id}."""
    return account.find("payment_intent", id, param="intent")


def list_all(account: Account, params: Object) -> Object:
    """GET /v1/payment_intents."""
    customer = params.get("customer")
    return account.page("payment_intent", "/v1/payment_intents", params, customer=customer)


def confirm(account: Account, params: Object, id: str, *, browser: bool = False) -> Object:
    """POST /v1/payment_intents/{id}/confirm, by the shop or (``browser``) by its customer."""
    intent = account.find("payment_intent", id, param="intent")
    _expect(intent, "confirm", CONFIRMABLE)
    if method := _method(account, params):
        intent["payment_method"] = method["id"]
    elif intent["payment_method"] is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken."
        )
        raise Refused(400, message, code="payment_intent_unexpected_state")
    if not browser:
        _check_return_url(intent, params)
    _attempt(account, intent, params)
    return intent


def cancel(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_intents/{id}/cancel."""
    intent = account.find("payment_intent", id, param="intent")
    _expect(intent, "cancel", CANCELABLE)
    intent.update(
        status="canceled",
        canceled_at=account.now(),
        cancellation_reason=params.get("cancellation_reason"),
        next_action=None,
    )
    account.emit("payment_intent.canceled", intent)
    return intent


def authenticate(account: Account, id: str, ok: bool) -> Object:
    """The customer passes (or fails) the bank's question after ``requires_action``."""
    intent = account.find("payment_intent", id)
    _expect(intent, "authenticate", ("requires_action",))
    intent["next_action"] = None
    if ok:
        _charge(account, intent)
    else:
        message = (
            "We are unable to authenticate your payment method. Please choose a different payment "
            "method and try again."
        )
        _fail(account, intent, "payment_intent_authentication_failure", None, message)
    return intent


def finish_processing(account: Account, id: str, ok: bool) -> Object:
    """A slow method (a bank debit) comes through, or bounces."""
    intent = account.find("payment_intent", id)
    _expect(intent, "finish", ("processing",))
    charge = account.find("charge", intent["latest_charge"])
    intent["processing"] = None
    if ok:
        charges.succeed(account, charge)
        _succeed(account, intent)
    else:
        message = "The customer's bank account could not be debited."
        charges.fail(account, charge, "debit_not_authorized", message)
        _fail(account, intent, "debit_not_authorized", None, message)
    return intent


def _attempt(account: Account, intent: Object, params: Object) -> None:
    card = account.cards[intent["payment_method"]]
    intent.update(last_payment_error=None, next_action=None)
    off_session = bool(params.get("off_session"))
    if card.authenticate != cards.NEVER:
        if off_session or params.get("error_on_requires_action"):
            code = "authentication_required"
            message = "Your card was declined. This transaction requires authentication."
            _decline(account, intent, code, code, message)
        return_url = params.get("return_url")
        intent.update(
            status="requires_action", next_action=_next_action(account, intent, return_url)
        )
        account.emit("payment_intent.requires_action", intent)
        return
    _charge(account, intent, raises=True)


def _next_action(account: Account, intent: Object, return_url: str | None) -> Object:
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    target = {"return_url": return_url, "url": f"{account.url}/_test/3ds/{intent['id']}"}
    return {"type": "redirect_to_url", "redirect_to_url": target}


def _charge(account: Account, intent: Object, *, raises: bool = False) -> None:
    card = account.cards[intent["payment_method"]]
    charge = charges.make(account, intent, card)
    intent["latest_charge"] = charge["id"]
    if card.decline:
        charges.fail(account, charge, card.code, card.message)
        if raises:
            _decline(account, intent, card.code, card.decline, card.message, charge["id"])
        _fail(account, intent, card.code, card.decline, card.message, charge["id"])
    elif card.type == "us_bank_account":
        intent.update(status="processing", processing={"type": card.type})
        account.emit("charge.pending", charge)
        account.emit("payment_intent.processing", intent)
    else:
        charges.succeed(account, charge)
        _succeed(account, intent)
        if card.disputed:
            charges.dispute(account, charge["id"], None, "fraudulent")


def _succeed(account: Account, intent: Object) -> None:
    intent.update(status="succeeded", amount_received=intent["amount"])
    account.emit("payment_intent.succeeded", intent)


def _fail(
    account: Account,
    intent: Object,
    code: str,
    decline: str | None,
    message: str,
    charge: str | None = None,
) -> Object:
    method = account.find("payment_method", intent["payment_method"])
    error = {
        "type": "card_error",
        "code": code,
        **({"decline_code": decline} if decline else {}),
        **({"charge": charge} if charge else {}),
        "doc_url": f"https://stripe.com/docs/error-codes/{code}",
        "message": message,
        "payment_method": copy.deepcopy(method),
    }
    intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    account.emit("payment_intent.payment_failed", intent)
    return error


def _decline(account: Account, intent: Object, *reason: Any) -> None:
    error = _fail(account, intent, *reason)
    told = {name: value for name, value in error.items() if name != "message"}
    raise Refused(402, error["message"], **told, payment_intent=copy.deepcopy(intent))


def _expect(intent: Object, what: str, statuses: tuple[str, ...]) -> None:
    if intent["status"] not in statuses:
        message = (
            f"You cannot {what} this PaymentIntent because it has a status of {intent['status']}. "
            f"Only a PaymentIntent with one of the following statuses may be: {statuses}."
        )
        code = "payment_intent_unexpected_state"
        raise Refused(400, message, code=code, payment_intent=copy.deepcopy(intent))


def _check_return_url(intent: Object, params: Object) -> None:
    automatic = intent["automatic_payment_methods"]
    if params.get("return_url") or automatic.get("allow_redirects") != "always":
        return
    message = (
        "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
        "Because some of these payment methods might redirect your customer off of your page, you "
        "must provide a `return_url`. If you don't want to accept redirect-based payment methods, "
        "set `automatic_payment_methods[enabled]` to `true` and "
        "`automatic_payment_methods[allow_redirects]` to `never`."
    )
    raise Refused(400, message, param="return_url")


def _method(account: Account, params: Object) -> Object | None:
    if "payment_method_data" in params:
        raise Refused(402, "Card data is the browser's to send.", param="payment_method_data")
    token = params.get("payment_method")
    if token is None:
        return None
    if card := cards.BY_TOKEN.get(token):
        return make_method(account, card)
    return account.find("payment_method", token, param="payment_method", status=400)


def make_method(account: Account, card: Card) -> Object:
    """Return a new payment method for a card or a bank account."""
    details = {"brand": card.brand, "last4": card.number[-4:]} if card.type == "card" else {}
    made = account.add("payment_method", "pm", type=card.type, **{card.type: details})
    account.cards[made["id"]] = card
    return made


def _kept(metadata: Any) -> Object:
    return {key: value for key, value in dict(metadata or {}).items() if value}


def _plain(params: Object) -> Object:
    return {name: value for name, value in params.items() if name != "expand" and value != ""}
