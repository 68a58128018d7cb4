"""Who comes to the shop: for locust, which runs this file in a process of its own.

Of a hundred things that somebody does, eighty are looking around, fifteen have to do with the cart
and five are an order with its payment. Each request is written down in a line of a file: when it
ended, its name, how many milliseconds it took, and what was wrong with it.

The environment says where the tokens of the buyers and the books are (LOAD_SHOP), where to
write (LOAD_FOUND), and where Stripe is (LOAD_STRIPE).
"""

import itertools
import json
import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, between, events, task

_given = json.loads(Path(os.environ["LOAD_SHOP"]).read_text())
_tokens = itertools.cycle(_given["tokens"])
_found = Path(os.environ["LOAD_FOUND"]).open("w", buffering=1)  # noqa: SIM115
API = "/api/v2"
SECONDS_TO_PAY = 20


@events.request.add_listener
def _note(name: str, response_time: float, exception: Exception | None, **_more: Any) -> None:
    wrong = None if exception is None else str(exception)[:300]
    _found.write(json.dumps([time.time(), name, round(response_time, 2), wrong]) + "\n")


@events.quit.add_listener
def _close(**_more: Any) -> None:
    _found.close()


class Reader(FastHttpUser):
    """Somebody with an account, who mostly looks around before saying who it is."""

    wait_time = between(0.2, 0.8)
    # What a browser does: one connection, kept open.
    concurrency = 1

    def on_start(self) -> None:
        """Be one of the buyers, and nobody else's double."""
        self.token = next(_tokens)
        self.in_cart = 0

    # -- looking around --------------------------------------------------------------------------
    @task(80)
    def browse(self) -> None:
        """Read one page of the catalogue."""
        books = _given["books"]
        book, title = random.choice(books)
        word = max(title.split(), key=len)
        path, name = random.choices(
            [
                ("/books", "list"),
                (f"/books?category={random.choice(_given['categories'])}", "list of a category"),
                (f"/books/{book}", "detail"),
                (f"/books?q={word}", "search"),
                ("/books/bestsellers", "bestsellers"),
                ("/categories", "categories"),
                (f"/books/{book}/reviews", "reviews"),
            ],
            weights=[25, 10, 40, 10, 5, 5, 5],
        )[0]
        self._ask("GET", path, name, known=random.random() < 0.3)

    # -- the cart --------------------------------------------------------------------------------
    @task(15)
    def cart(self) -> None:
        """Put a book into it, or look what is in it."""
        if self.in_cart and random.random() < 0.5:
            self._ask("GET", "/cart", "cart")
        else:
            self._add()

    # -- an order --------------------------------------------------------------------------------
    @task(5)
    def check_out(self) -> None:
        """Order what is in the cart, pay, and wait until the shop has heard of it."""
        while self.in_cart < 1:
            if not self._add():
                return
        wanted = {"shipping_method": "standard", "shipping_address": _given["address"]}
        quote = self._ask("POST", "/cart/quote", "quote", wanted)
        if quote is None:
            return
        wanted["expected_total"] = quote["total"]
        order = self._ask("POST", "/orders", "order", wanted, 201, key=str(uuid.uuid4()))
        if order is None:
            return
        self.in_cart = 0
        path = f"/orders/{order['id']}"
        intent = self._ask("POST", f"{path}/payment-intent", "payment intent", status=None)
        if intent is None:
            return
        card = {"client_secret": intent["client_secret"], "card_number": "4242424242424242"}
        url = f"{os.environ['LOAD_STRIPE']}/_test/pay"
        with self.client.post(url, json=card, name="(Stripe: pay)", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code}: {answer.text}")
                return
        until = time.monotonic() + SECONDS_TO_PAY
        while self._ask("GET", path, "order read", holds=("payment_status", "paid")) is None:
            if time.monotonic() > until:
                _note("paid in time", SECONDS_TO_PAY * 1000, RuntimeError(path))
                return
            gevent.sleep(0.5)

    def _add(self) -> bool:
        line = {"book_id": random.choice(_given["books"])[0], "quantity": 1}
        added = self._ask("POST", "/cart/items", "add to cart", line, 201) is not None
        self.in_cart += added
        return added

    def _ask(
        self,
        method: str,
        path: str,
        name: str,
        body: Any = None,
        status: int | None = 200,
        known: bool = True,
        key: str | None = None,
        holds: tuple[str, str] | None = None,
    ) -> Any:
        """Return the answer's JSON; None if it is not the one expected (noted as a failure), or
        does not hold what it should (it may, later)."""
        headers = {"Authorization": f"Bearer {self.token}"} if known else {}
        if key:
            headers["Idempotency-Key"] = key
        with self.client.request(
            method,
            f"{API}{path}",
            name=name,
            json=body,
            headers=headers,
            catch_response=True,
            allow_redirects=False,
        ) as answer:
            expected = (200, 201) if status is None else (status,)
            if answer.status_code not in expected:
                answer.failure(f"{answer.status_code}: {answer.error or answer.text}")
                return None
            told = answer.json()
            if holds and told.get(holds[0]) != holds[1]:
                return None
            return told
