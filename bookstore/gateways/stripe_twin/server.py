"""The stand-in's API, behind Stripe's own client library: routes, keys, answers."""

import hashlib
import hmac
import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe

from bookstore.config import Settings
from bookstore.gateways.stripe_twin import customers, intents, keys, outbox, params, refunds, store
from bookstore.gateways.stripe_twin.cards import Card, IncorrectNumber, by_method, by_number
from bookstore.gateways.stripe_twin.refusals import Refusal, missing
from bookstore.gateways.stripe_twin.store import Json, Work, dumps, new_id

KEY_SECONDS = 86_400
Answer = tuple[str, int, Mapping[str, str]]


def http_client(settings: Settings) -> stripe.HTTPClient:
    """Return what ``stripe.StripeClient`` is to send its requests by.

    Raises:
        RuntimeError: this is a real shop, which takes no test cards.
    """
    if not settings.takes_test_cards:
        raise RuntimeError("no test cards here")
    return _Client(settings)


class _Client(stripe.HTTPClient):
    name = "embedded"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> Answer:
        """Answer one request, as if it had gone out."""
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        parts = urlsplit(url)
        try:
            if sent.get("authorization") != f"Bearer {keys.API_KEY}":
                raise Refusal(401, message="Invalid API Key provided")
            asked = params.decode(post_data or "" if method == "post" else parts.query)
            if method == "post":
                return self._change(parts.path, asked, sent["idempotency-key"])
            with store.read(self._settings) as db:
                return _answer(200, _look(db, parts.path, asked))
        except Refusal as refusal:
            return _answer(refusal.status, {"error": refusal.error})
        except (sqlite3.Error, OSError) as error:
            gone: Any = stripe.APIConnectionError
            raise gone(str(error), should_retry=True) from error

    def close(self) -> None:
        """Nothing is held between requests."""

    def _change(self, path: str, asked: Json, key: str) -> Answer:
        # With a secret: among what is asked for may be a card's number.
        asking = f"{path} {json.dumps(asked, sort_keys=True)}".encode()
        secret = keys.webhook_secret(self._settings).encode()
        fingerprint = hmac.new(secret, asking, hashlib.sha256).hexdigest()
        with store.write(self._settings, key) as work:
            work.db.execute("DELETE FROM keys WHERE created < ?", [work.now - KEY_SECONDS])
            before = work.db.execute("SELECT * FROM keys WHERE key = ?", [key]).fetchone()
            if before is not None:
                if before["fingerprint"] != fingerprint:
                    raise Refusal(
                        400,
                        type="idempotency_error",
                        message="Keys for idempotent requests can only be used with the same"
                        " parameters they were first used with. Try using a key other than"
                        f" '{key}' if you meant to execute a different request.",
                    )
                return _answer(before["status"], json.loads(before["body"]), replayed=True)
            try:
                status, body = _do(work, path, asked)
            except Refusal as refusal:
                # Raised before anything was written; what is kept is only the answer.
                if not refusal.kept:
                    raise
                status, body = refusal.status, {"error": refusal.error}
            work.db.execute(
                "INSERT INTO keys (key, fingerprint, created, status, body) VALUES (?, ?, ?, ?, ?)",
                [key, fingerprint, work.now, status, dumps(body)],
            )
        outbox.deliver_soon(self._settings)
        return _answer(status, body)


def _answer(status: int, body: Json, *, replayed: bool = False) -> Answer:
    headers = {"Content-Type": "application/json", "Request-Id": new_id("req")}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return dumps(body), status, headers


def _look(db: sqlite3.Connection, path: str, asked: Json) -> Json:
    if path == "/v1/payment_intents":
        return intents.list_page(db, asked)
    if path == "/v1/refunds":
        return refunds.list_page(db, asked)
    params.only(asked)
    kind, _, wanted = path.removeprefix("/v1/").partition("/")
    if kind == "payment_intents":
        return intents.retrieve(db, wanted)
    if kind == "refunds":
        return refunds.retrieve(db, wanted)
    if kind == "customers":
        return customers.retrieve(db, wanted)
    raise _no_such_url(path)


def _do(work: Work, path: str, asked: Json) -> tuple[int, Json]:
    if path == "/v1/customers":
        return 200, customers.create(work, asked)
    if path == "/v1/payment_intents":
        return 200, intents.create(work, asked)
    if path == "/v1/refunds":
        return 200, refunds.create(work, asked)
    found = re.fullmatch(r"/v1/payment_intents/(\w+)/(confirm|cancel)", path)
    if found is None:
        raise _no_such_url(path)
    intent = intents.retrieve(work.db, found[1])
    if found[2] == "cancel":
        return 200, intents.cancel(work, intent, asked)
    known = ("payment_method", "payment_method_data", "off_session", "return_url")
    params.only(asked, *known)
    return_url = params.text(asked, "return_url")
    if intent["automatic_payment_methods"]["enabled"] and return_url is None:
        message = "You must provide a `return_url`: some payment methods lead to other pages."
        raise Refusal(400, message=message, param="return_url")
    intent = intents.confirm(
        work,
        intent,
        _card(asked),
        off_session=params.flag(asked, "off_session"),
        return_url=return_url,
    )
    failure = intent["last_payment_error"]
    if failure is None:
        return 200, intent
    return 402, {"error": {**failure, "payment_intent": intent}}


def _card(asked: Json) -> Card:
    method = params.text(asked, "payment_method")
    if method is not None:
        found = by_method(method)
        if found is None:
            raise missing("PaymentMethod", method, "payment_method")
        return found
    data = params.inner(asked, "payment_method_data")
    if not data:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise Refusal(400, code="payment_intent_unexpected_state", message=message)
    number = params.text(params.inner(data, "card"), "number", required=True) or ""
    try:
        return by_number(number)
    except IncorrectNumber as error:
        raise Refusal(
            402, type="card_error", code=error.code, message=str(error), param="number"
        ) from None


def _no_such_url(path: str) -> Refusal:
    return Refusal(404, message=f"Unrecognized request URL ({path}).")
