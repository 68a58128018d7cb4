"""From a request to an answer: key, path, parameters, idempotency, faults."""

import copy
import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

from tests.fakes.stripe import charges, events, intents, shapes
from tests.fakes.stripe.account import API_VERSION, NO_REQUEST, Account, Object
from tests.fakes.stripe.faults import AFTER, BEFORE, Faults, refusal
from tests.fakes.stripe.idempotency import Keys
from tests.fakes.stripe.wire import Refused, decode

# Status, body, headers; None: the connection is closed without an answer.
Answer = tuple[int, bytes, dict[str, str]] | None
_ID = "([A-Za-z0-9_]+)"


@dataclass(frozen=True)
class _Route:
    method: str
    path: str
    shape: str
    work: Callable[..., Object]


_ROUTES = [
    _Route("POST", "/v1/customers", "CustomerCreateParams", intents.create_customer),
    _Route("GET", f"/v1/customers/{_ID}", "CustomerRetrieveParams", intents.retrieve_customer),
    _Route("POST", "/v1/payment_intents", "PaymentIntentCreateParams", intents.create),
    _Route("GET", "/v1/payment_intents", "PaymentIntentListParams", intents.list_all),
    _Route("GET", f"/v1/payment_intents/{_ID}", "PaymentIntentRetrieveParams", intents.retrieve),
    _Route(
        "POST", f"/v1/payment_intents/{_ID}/confirm", "PaymentIntentConfirmParams", intents.confirm
    ),
    _Route(
        "POST", f"/v1/payment_intents/{_ID}/cancel", "PaymentIntentCancelParams", intents.cancel
    ),
    _Route("GET", "/v1/charges", "ChargeListParams", charges.list_all),
    _Route("GET", f"/v1/charges/{_ID}", "ChargeRetrieveParams", charges.retrieve),
    _Route("POST", "/v1/refunds", "RefundCreateParams", charges.refund),
    _Route("GET", "/v1/refunds", "RefundListParams", charges.list_refunds),
    _Route("GET", f"/v1/refunds/{_ID}", "RefundRetrieveParams", charges.retrieve_refund),
    _Route("GET", "/v1/disputes", "DisputeListParams", charges.list_disputes),
    _Route("GET", "/v1/events", "EventListParams", events.list_all),
    _Route("GET", f"/v1/events/{_ID}", "EventRetrieveParams", events.retrieve),
]


@dataclass
class Request:
    """One request to the API; ``status`` is 0 until (and unless) it was answered."""

    method: str
    path: str
    params: Object
    key: str | None
    status: int = 0

    @property
    def name(self) -> str:
        """As patterns of faults see it."""
        return f"{self.method} {self.path}"


class Api:
    """Stripe's API over an account."""

    def __init__(self, account: Account, secret_key: str) -> None:
        self.account, self.secret_key = account, secret_key
        self.keys, self.faults = Keys(), Faults()
        self.requests: list[Request] = []
        self._noting = threading.Lock()

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """Answer a request, or run into the trouble that was ordered for it."""
        split = urlsplit(target)
        request = Request(method, split.path, {}, headers.get("Idempotency-Key"))
        with self._noting:
            self.requests.append(request)
        fault = self.faults.take(request.name)
        kind = fault.kind if fault else ""
        more = {"Request-Id": f"req_{secrets.token_hex(7)}", "Stripe-Version": API_VERSION}
        if fault and kind in BEFORE:
            fault.reached.set()
            if kind == "timeout_before":
                return None
            return self._told(request, refusal(kind).status, refusal(kind).body, more)
        keyed, done = request.key if method == "POST" else None, None
        try:
            route, ids = self._find(request, headers)
            form = split.query if method == "GET" else body.decode()
            request.params = shapes.check(route.shape, decode(form))
            if keyed:
                more["Idempotency-Key"] = keyed
                done = self.keys.begin(keyed, request.path, request.params)
        except Refused as refused:
            # Nothing was begun, so that nothing is kept under the key.
            return self._told(request, refused.status, refused.body, more)
        except UnicodeDecodeError:
            return self._told(request, 400, Refused(400, "Invalid UTF-8.").body, more)
        if fault and kind == "slow":
            fault.hold()
        if done:
            more["Idempotent-Replayed"] = "true"
        else:
            kept = refusal(kind) if kind == "http_500_kept" else None
            done = (kept.status, kept.body) if kept else self._work(route, request, ids, more)
            if keyed:
                self.keys.end(keyed, done)
        if fault and kind in AFTER:
            if kind == "slow_after":
                fault.hold()
            fault.reached.set()
            if kind == "timeout_after_commit":
                return None
            if kind == "bad_json":
                return 200, b'{"id": "pi_', more
        elif fault:
            fault.reached.set()
        return self._told(request, *done, more)

    def _find(self, request: Request, headers: Message) -> tuple[_Route, tuple[str, ...]]:
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            raise Refused(401, "You did not provide an API key.")
        if key != self.secret_key:
            raise Refused(401, f"Invalid API Key provided: {key[:8]}********{key[-4:]}")
        for route in _ROUTES:
            found = re.fullmatch(route.path, request.path)
            if found and route.method == request.method:
                break
        else:
            raise Refused(404, f"Unrecognized request URL ({request.name}).")
        kind = headers.get("Content-Type", "")
        if request.method == "POST" and not kind.startswith("application/x-www-form-urlencoded"):
            raise Refused(400, f"Invalid content type: {kind}")
        return route, found.groups()

    def _work(
        self, route: _Route, request: Request, ids: tuple[str, ...], more: dict[str, str]
    ) -> tuple[int, Object]:
        account = self.account
        with account.lock:
            account.request = {"id": more["Request-Id"], "idempotency_key": request.key}
            try:
                found = route.work(account, request.params, *ids)
                return 200, events.expanded(account, found, request.params.get("expand", []))
            except Refused as refused:
                return refused.status, copy.deepcopy(refused.body)
            finally:
                account.request = NO_REQUEST

    def _told(
        self, request: Request, status: int, body: Object, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        request.status = status
        raw = json.dumps(body, indent=2, ensure_ascii=False)
        return status, raw.encode(), {"Content-Type": "application/json", **headers}
