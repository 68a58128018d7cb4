"""Signed events on their way to the shop: in the background, or when a test says so."""

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests
import stripe

from tests.fakes.stripe.account import Object

# Takes the raw body and headers, and returns a status; or the URL of one that does.
Endpoint = str | Callable[[bytes, dict[str, str]], int]
THREADS = 8
# Of deliveries in ``settle``: handling an event may make another.
ROUNDS = 10
AS_MADE, REVERSED, SHUFFLED = "as made", "reversed", "shuffled"


@dataclass(eq=False)
class Pending:
    """An event that the endpoint has yet to answer with 2xx; ``due`` on the monotonic clock."""

    event: Object
    due: float
    attempts: int = 0


@dataclass(frozen=True)
class Sent:
    """One request to the endpoint; status 0 when there was no answer."""

    id: str
    type: str
    status: int


class Webhooks:
    """Delivers events until each was answered with 2xx, as Stripe does for three days.

    ``held``: the background thread waits, and tests call ``deliver``. ``copies`` of each event are
    sent; one after the other, or (``at_once``) all that are due at the same moment, as Stripe does.
    ``order`` is that within what is due together, ``delay`` the seconds after an event was made.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.held, self.at_once = False, False
        self.copies, self.order, self.delay = 1, AS_MADE, 0.0
        self.sent: list[Sent] = []
        self._endpoint: Endpoint | None = None
        self._pending: list[Pending] = []
        self._busy = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def endpoint(self) -> Endpoint | None:
        """Where events go. Those made before it was set go there, too."""
        return self._endpoint

    @endpoint.setter
    def endpoint(self, endpoint: Endpoint | None) -> None:
        with self._changed:
            self._endpoint = endpoint
            self._changed.notify_all()

    @property
    def pending(self) -> list[Object]:
        """Return the events that were not yet taken."""
        with self._changed:
            return [one.event for one in self._pending]

    def start(self) -> None:
        """Deliver in the background from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def add(self, event: Object) -> None:
        """Deliver an event."""
        with self._changed:
            self._pending.append(Pending(event, time.monotonic() + self.delay))
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget what was to be delivered, and go back to the ways of the beginning."""
        with self._changed:
            self._endpoint = None
            self._changed.wait_for(lambda: not self._busy, 30)
            self._pending.clear()
            self.sent.clear()
            self.held, self.at_once = False, False
            self.copies, self.order, self.delay = 1, AS_MADE, 0.0

    def release(self) -> None:
        """Let the background thread deliver what was held."""
        with self._changed:
            self.held = False
            self._changed.notify_all()

    def deliver(
        self,
        order: str = AS_MADE,
        *,
        copies: int = 1,
        at_once: bool = False,
        only: Collection[str] | None = None,
    ) -> list[Sent]:
        """Send what is pending now from this thread, and return what was answered.

        Args:
            only: types of events; the others stay pending.
        """
        with self._changed:
            batch = [one for one in self._pending if only is None or one.event["type"] in only]
            for one in batch:
                self._pending.remove(one)
        return self._send_all(batch, order, copies, at_once)

    def settle(self, seconds: float = 30) -> None:
        """Return once all was taken, those events too that were made meanwhile."""
        if self.held:
            for _ in range(ROUNDS):
                if not self.pending:
                    return
                self.deliver()
            raise AssertionError(f"not taken: {self.sent[-5:]}")
        with self._changed:
            done = self._changed.wait_for(lambda: not self._pending and not self._busy, seconds)
        assert done, f"not taken: {self.sent[-5:]}"

    def again(self, event: Object, copies: int = 1) -> list[Sent]:
        """Send an event that was taken before, as a click in the dashboard does."""
        return self._send_all([Pending(event, 0)], AS_MADE, copies, False)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                now = time.monotonic()
                idle = self.held or self._endpoint is None
                batch = [] if idle else [one for one in self._pending if one.due <= now]
                if not batch:
                    nap = None
                    if self._pending and not idle:
                        nap = max(0.0, min(one.due for one in self._pending) - now)
                    self._changed.wait(nap)
                    continue
                for one in batch:
                    self._pending.remove(one)
                self._busy += 1
            try:
                self._send_all(batch, self.order, self.copies, self.at_once)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _send_all(self, batch: list[Pending], order: str, copies: int, at_once: bool) -> list[Sent]:
        if order == REVERSED:
            batch = batch[::-1]
        elif order == SHUFFLED:
            batch = random.sample(batch, len(batch))
        if at_once:
            # At least as many threads as copies, or those that wait for each other would for ever.
            with ThreadPoolExecutor(max(copies, THREADS)) as pool:
                waiting = [
                    (one, [pool.submit(self._send, one, start) for _ in range(copies)])
                    for one in batch
                    for start in [threading.Barrier(copies)]
                ]
            answered = [(one, [each.result() for each in futures]) for one, futures in waiting]
            return [sent for one, statuses in answered for sent in self._note(one, statuses)]
        return [
            sent
            for one in batch
            for sent in self._note(one, [self._send(one) for _ in range(copies)])
        ]

    def _note(self, one: Pending, statuses: list[int]) -> list[Sent]:
        sent = [Sent(one.event["id"], one.event["type"], status) for status in statuses]
        with self._changed:
            self.sent += sent
            if any(200 <= status < 300 for status in statuses):
                one.event["pending_webhooks"] = 0
            else:
                one.attempts += 1
                one.due = time.monotonic() + min(0.05 * 2**one.attempts, 1)
                self._pending.append(one)
        return sent

    def _send(self, one: Pending, start: threading.Barrier | None = None) -> int:
        body = json.dumps(one.event, indent=2, ensure_ascii=False)
        sign = stripe.WebhookSignature.generate_signature_header
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, self.secret),
        }
        endpoint = self._endpoint
        if start is not None:
            start.wait(10)
        if endpoint is None:
            return 0
        if not isinstance(endpoint, str):
            return endpoint(body.encode(), headers)
        with contextlib.suppress(requests.RequestException):
            return requests.post(
                endpoint, body.encode(), headers=headers, timeout=20, allow_redirects=False
            ).status_code
        return 0
