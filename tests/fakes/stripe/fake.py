"""The server, and what tests can do to it."""

import copy
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Self

import stripe

from tests.fakes.stripe import cards, charges, intents
from tests.fakes.stripe.account import Account, Object
from tests.fakes.stripe.api import Api, Request
from tests.fakes.stripe.faults import Fault
from tests.fakes.stripe.server import Server
from tests.fakes.stripe.webhooks import Endpoint, Sent, Webhooks
from tests.fakes.stripe.wire import Refused

SECRET_KEY = "sk_test_a-key-that-must-not-be-seen"
WEBHOOK_SECRET = "whsec_a-secret-that-must-not-be-seen"
# Where the shop takes them.
EVENTS = "/payments/stripe/events"
RETURN_URL = "https://shop.example/return"


class FakeStripe:
    """Stripe on a port of this machine; a context manager. See the package for what it does."""

    def __init__(
        self,
        webhook_secret: str = WEBHOOK_SECRET,
        secret_key: str = SECRET_KEY,
        port: int = 0,
    ) -> None:
        self.secret_key, self.webhook_secret, self._port = secret_key, webhook_secret, port
        self.webhooks = Webhooks(webhook_secret)
        self._fresh()

    def _fresh(self) -> None:
        self.account = Account()
        self.account.on_event = self.webhooks.add
        self.api = Api(self.account, self.secret_key)

    def __enter__(self) -> Self:
        self._server = Server(self, self._port)
        self.account.url = self.url
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.webhooks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.webhooks.stop()
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Be a new account at the same address, and let go of whom trouble held up."""
        self.calm()
        self.webhooks.clear()
        self._fresh()
        self.account.url = self.url

    @property
    def url(self) -> str:
        """Where it listens: the shop's ``STRIPE_API_BASE``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a shop that takes its payments here."""
        return {
            "stripe_secret_key": self.secret_key,
            "stripe_webhook_secret": self.webhook_secret,
            "stripe_api_base": self.url,
        }

    def client(self) -> stripe.StripeClient:
        """Return the library, set up for this server; without retries."""
        return stripe.StripeClient(self.secret_key, base_addresses={"api": self.url})

    # What was asked, and what is held.

    def calls(self, pattern: str = "*") -> list[Request]:
        """Return the requests so far that match a pattern such as "POST /v1/refunds"."""
        return [one for one in list(self.api.requests) if fnmatchcase(one.name, pattern)]

    @property
    def events(self) -> list[Object]:
        """Return all events, oldest first."""
        return self._all("event")

    @property
    def intents(self) -> list[Object]:
        """Return all payment intents, oldest first."""
        return self._all("payment_intent")

    @property
    def refunds(self) -> list[Object]:
        """Return all refunds, oldest first."""
        return self._all("refund")

    def intent(self, id: str) -> Object:
        """Return an intent as it is now."""
        with self.account.lock:
            return copy.deepcopy(self.account.find("payment_intent", id))

    def holdings(self) -> dict[str, int]:
        """Return what is left of each intent: received less refunded, less lost disputes."""
        with self.account.lock:
            gone = dict.fromkeys(self.account.table("payment_intent"), 0)
            for one in self.account.table("refund").values():
                if one["status"] in charges.COUNTED:
                    gone[one["payment_intent"]] += one["amount"]
            for one in self.account.table("dispute").values():
                if one["status"] == "lost":
                    gone[one["payment_intent"]] += one["amount"]
            found = self.account.table("payment_intent").values()
            return {one["id"]: one["amount_received"] - gone[one["id"]] for one in found}

    def balance(self) -> dict[str, int]:
        """Return what is left of all intents together, by currency."""
        total: dict[str, int] = {}
        held = self.holdings()
        for one in self.intents:
            total[one["currency"]] = total.get(one["currency"], 0) + held[one["id"]]
        return total

    # What customers, banks and the dashboard do.

    def pay(
        self, client_secret: str, card_number: str, return_url: str | None = RETURN_URL
    ) -> Object:
        """Pay as a browser with Stripe.js does, and return the intent, declined or not.

        Args:
            card_number: a test card, or "us_bank_account".

        Raises:
            Refused: no such intent, not to be paid now, or not a test card.
        """
        id = client_secret.partition("_secret_")[0]
        with self.account.lock:
            intent = self.account.find("payment_intent", id, param="intent")
            if intent["client_secret"] != client_secret:
                message = "The client_secret provided does not match any associated PaymentIntent."
                code = "payment_intent_invalid_parameter"
                raise Refused(400, message, code=code, param="client_secret")
            method = intents.make_method(self.account, cards.by_number(card_number))
            params = {"payment_method": method["id"]}
            if return_url is not None:
                params["return_url"] = return_url
            try:
                intents.confirm(self.account, params, id, browser=True)
            except Refused as refused:
                if refused.status != 402:
                    raise
        return self.intent(id)

    def authenticate(self, intent_id: str, ok: bool = True) -> Object:
        """Answer the bank's question after ``requires_action``, and return the intent."""
        with self.account.lock:
            return copy.deepcopy(intents.authenticate(self.account, intent_id, ok))

    def finish_processing(self, intent_id: str, ok: bool = True) -> Object:
        """Let a bank debit come through, or bounce."""
        with self.account.lock:
            return copy.deepcopy(intents.finish_processing(self.account, intent_id, ok))

    def finish_refund(self, refund_id: str, status: str = "succeeded") -> Object:
        """End a refund: succeeded, failed or canceled."""
        with self.account.lock:
            return copy.deepcopy(charges.finish_refund(self.account, refund_id, status))

    def start_refunds_as(self, status: str) -> None:
        """Make refunds "pending" (or "succeeded") from now on."""
        self.account.refunds_start = status

    def dashboard_refund(self, intent_id: str, amount: int | None = None) -> Object:
        """Refund by hand at Stripe: nobody asked the API, and no metadata names a row."""
        params: Object = {"payment_intent": intent_id}
        if amount is not None:
            params["amount"] = amount
        with self.account.lock:
            return copy.deepcopy(charges.refund(self.account, params))

    def dashboard_cancel(self, intent_id: str) -> Object:
        """Cancel an intent by hand at Stripe."""
        with self.account.lock:
            return copy.deepcopy(intents.cancel(self.account, {}, intent_id))

    def dispute(
        self, intent_id: str, amount: int | None = None, reason: str = "fraudulent"
    ) -> Object:
        """Let the customer's bank contest a payment."""
        with self.account.lock:
            charge = self.account.find("payment_intent", intent_id)["latest_charge"]
            return copy.deepcopy(charges.dispute(self.account, charge, amount, reason))

    def close_dispute(self, dispute_id: str, won: bool) -> Object:
        """Let the bank decide."""
        with self.account.lock:
            return copy.deepcopy(charges.close_dispute(self.account, dispute_id, won))

    def tamper(self, intent_id: str, **fields: Any) -> None:
        """Change fields of an intent behind everybody's back: another amount, another currency."""
        with self.account.lock:
            self.account.find("payment_intent", intent_id).update(fields)

    # Trouble.

    def fail(self, pattern: str, kind: str, times: int = 1) -> Fault:
        """Order trouble for the next requests that match ``pattern`` (see the package)."""
        return self.api.faults.add(pattern, kind, times)

    def calm(self) -> None:
        """Order no more trouble, and let go of requests that some holds up."""
        self.api.faults.clear()

    def forget_keys(self) -> None:
        """Forget idempotency keys, as Stripe does after a day."""
        self.api.keys.forget()

    # Events.

    @property
    def endpoint(self) -> Endpoint | None:
        """Where events go: a URL, or a callable of body and headers that returns a status."""
        return self.webhooks.endpoint

    @endpoint.setter
    def endpoint(self, endpoint: Endpoint | None) -> None:
        self.webhooks.endpoint = endpoint

    def deliver_to(self, post: Callable[..., Any], path: str = EVENTS) -> None:
        """Send events by ``Client.post``, and only when ``deliver`` or ``settle`` says so."""

        def send(body: bytes, headers: dict[str, str]) -> int:
            named = {name.replace("-", "_"): value for name, value in headers.items()}
            return int(post(path, body, **named).status_code)

        self.webhooks.held = True
        self.webhooks.endpoint = send

    def deliver_to_shop(self, url: str) -> None:
        """Send events in the background to a shop that listens at ``url``."""
        self.webhooks.endpoint = f"{url}/api/v2{EVENTS}"
        self.webhooks.release()

    def hold(self) -> None:
        """Keep events until ``deliver`` or ``release``."""
        self.webhooks.held = True

    def release(self) -> None:
        """Deliver in the background again."""
        self.webhooks.release()

    def deliver(self, order: str = "as made", **how: Any) -> list[Sent]:
        """Send what is pending from this thread; ``Webhooks.deliver`` has the options."""
        return self.webhooks.deliver(order, **how)

    def settle(self, seconds: float = 30) -> None:
        """Return once every event was taken."""
        self.webhooks.settle(seconds)

    def again(self, event: Object, copies: int = 1) -> list[Sent]:
        """Send an event once more, whether it was taken or not."""
        return self.webhooks.again(event, copies)

    def _all(self, kind: str) -> list[Object]:
        with self.account.lock:
            return copy.deepcopy([*self.account.table(kind).values()])
