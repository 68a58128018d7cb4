"""A shop with a till: its own Redis, database, web, worker and scheduler, and Stripe outside.

Each part of the shop is a real process that can die; Stripe lives on, as it would. Whatever
happened, in the end the shop's books and Stripe's have to agree.
"""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import flask_migrate
import requests
from flask import Flask
from sqlalchemy import func, select

from bookstore import create_app
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways.embedded_redis import EmbeddedRedis
from bookstore.models import Order, Payment, Refund
from tests.clients import ADDRESS, ROOT, LiveShop, wait_until
from tests.conftest import SECRET, UNLIMITED
from tests.factories import check_books, fill_carts, make_book, make_buyers, make_clerk
from tests.fakes.stripe import FakeStripe
from tests.processes import LiveWorker, environ

# Two leases, their sweeps and some: somebody may have died twice with the same in hand.
HEALED = 300
GOOD, DECLINED, ASKS_BACK = "4242424242424242", "4000000000000002", "4000002500003155"
STOCK, PRICE = 10_000, 1310


class Till:
    """The shop, its buyers' money, and Stripe."""

    def __init__(self, home: Path, database_url: str) -> None:
        home.mkdir(exist_ok=True)
        self.home, self.database_url = home, database_url

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.stripe = stack.enter_context(FakeStripe())
            self.settings = Settings(
                bookstore_env="testing",
                bookstore_home=self.home,
                secret_key=SECRET,
                database_url=self.database_url,
                log_level="WARNING",
                **UNLIMITED,
                web_workers=2,
                stripe_secret_key=self.stripe.secret_key,
                stripe_webhook_secret=self.stripe.webhook_secret,
                stripe_api_base=self.stripe.url,
            )
            stack.enter_context(EmbeddedRedis(self.home))
            self.shop: Flask = create_app(self.settings)
            with self.shop.app_context():
                flask_migrate.upgrade()
                stack.callback(db.engine.dispose)
                self.book = make_book(stock=STOCK, price=PRICE).id
            self.clerk = make_clerk(self.shop)
            self.worker = stack.enter_context(LiveWorker(self.settings))
            self.scheduler = stack.enter_context(LiveWorker(self.settings, "--scheduler"))
            # It asks Stripe for what events have not told yet; from here on, only they tell.
            self.worker.wait_for("job done job=bookstore.jobs.reconcile_payments")
            self.live = stack.enter_context(LiveShop(self.settings))
            self.stripe.endpoint = f"{self.live.url}/api/v2/payments/stripe/events"
            self._end = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def buyers(self, count: int) -> list[str]:
        """Return the tokens of new users, each with a book in the cart."""
        buyers = make_buyers(self.shop, count)
        fill_carts(self.shop, {user: [(self.book, 1)] for user, _ in buyers})
        return [token for _, token in buyers]

    def call(self, method: str, path: str, body: Any, token: str, **headers: str) -> Any:
        """Call until it is answered with something that is not trouble of the shop's."""
        answers: list[requests.Response | requests.RequestException] = []

        def answered() -> bool:
            try:
                answer = self.live.call(method, path, body, token, **headers)
            except requests.RequestException as error:
                answers.append(error)
                return False
            answers.append(answer)
            busy = answer.status_code == 409 and answer.json()["code"] == "idempotency_in_progress"
            return answer.status_code < 500 and not busy

        try:
            wait_until(answered, HEALED)
        except AssertionError:
            last = answers[-1]
            told = last.text if isinstance(last, requests.Response) else last
            log = Path(self.live.log.name).read_text()[-3000:]
            raise AssertionError(f"{method} {path}: {told}\n{log}") from None
        last = answers[-1]
        assert isinstance(last, requests.Response)
        return last.json()

    def order(self, token: str) -> int:
        """Order what is in the cart; the same order however often it is tried."""
        key = f"order of {token[-30:]}"
        body = {"shipping_address": ADDRESS}
        return int(self.call("POST", "/orders", body, token, Idempotency_Key=key)["id"])

    def intent(self, token: str, order: int) -> Any:
        """Return the order's payment intent."""
        return self.call("POST", f"/orders/{order}/payment-intent", None, token)

    def refund(self, order: int, amount: str, key: str) -> Any:
        """Give some of it back, as staff."""
        path, body = f"/orders/{order}/refunds", {"amount": amount}
        return self.call("POST", path, body, self.clerk, Idempotency_Key=key)

    def status(self, order: int) -> tuple[str, str]:
        """Return (status, payment_status) of an order."""
        with self.shop.app_context(), db.engine.connect() as connection:
            row = connection.execute(
                select(Order.status, Order.payment_status).where(Order.id == order)
            ).one()
        return row.status, row.payment_status

    def wait_for(self, order: int, *expected: str) -> None:
        """Return once the order stands so."""
        try:
            wait_until(lambda: self.status(order) == expected, HEALED)
        except AssertionError:
            raise AssertionError((self.status(order), expected, self.worker.log[-3000:])) from None

    def restart(self) -> None:
        """Kill the web processes and start them again where they were."""
        self.live.kill()
        self.live.start()
        self.stripe.endpoint = f"{self.live.url}/api/v2/payments/stripe/events"

    def all_agree(self) -> None:
        """Return once nothing is under way; fail unless the books and Stripe's agree."""
        try:
            wait_until(self._is_quiet, HEALED)
        except AssertionError:
            raise AssertionError(self._under_way() + self.worker.log[-3000:]) from None
        self.stripe.settle(HEALED)
        check_books(self.shop)
        with self.shop.app_context(), db.engine.connect() as connection:
            rows = connection.execute(
                select(Payment.intent_id, Payment.amount_received - Payment.amount_refunded)
            ).all()
            held = {intent: amount for intent, amount in rows if intent is not None}
            made = connection.execute(select(Refund.refund_id, Refund.amount)).all()
            given = {row.refund_id: row.amount for row in made}
            unpaid = connection.execute(
                select(func.count())
                .select_from(Order)
                .where(Order.payment_status == "paid", Order.id.not_in(self._covered()))
            ).scalar_one()
        assert held == self.stripe.holdings()
        assert given == {one["id"]: one["amount"] for one in self.stripe.refunds}
        assert unpaid == 0, "orders are paid that Stripe has no money for"
        doctor = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", "doctor"],
            cwd=ROOT,
            env=environ(self.settings),
            capture_output=True,
            text=True,
            check=False,
        )
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr

    def _covered(self) -> Any:
        return select(Payment.order_id).where(Payment.status == "succeeded")

    def _under_way(self) -> str:
        with self.shop.app_context():
            refunds = db.session.scalars(select(Refund).where(Refund.status == "pending")).all()
            gone = db.session.scalars(select(Payment).where(Payment.is_unwanted)).all()
            return f"{[(one, one.attempts, one.next_attempt_at) for one in refunds]} {gone}\n"

    def _is_quiet(self) -> bool:
        with self.shop.app_context(), db.engine.connect() as connection:
            due = select(func.count()).where(Refund.status == "pending")
            gone = select(func.count()).where(Payment.is_unwanted)
            return connection.execute(due).scalar_one() + connection.execute(gone).scalar_one() == 0
