"""What the parts ask each other: the same here and over HTTP, and how it fails."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from bookstore import errors, logs
from bookstore.extensions import db
from bookstore.models import Order
from bookstore.services import accounts, cart, idempotency, peer_catalog, peer_orders, peer_users
from bookstore.services.idempotency import Answer, Request
from tests.clients import ADDRESS, at_once, wait_until
from tests.conftest import Apps, LiveShops
from tests.factories import check_books, make_book, make_user
from tests.fakes.serving import Answer as HttpAnswer, FakeServer

TOKEN = "a service token that is long enough to be one"
URLS = ("catalog_service_url", "order_service_url", "user_service_url")


class OtherPart(FakeServer):
    """A part that knows one user, and remembers what it was asked with."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[Any] = []

    def answer(self, path: str, headers: Any, body: bytes) -> HttpAnswer:
        self.headers.append(headers)
        told = {"id": 7, "username": "ann", "email": "ann@example.com", "is_active": True}
        return 200, {**told, "first_name": "Ann", "last_name": ""}, {}


@pytest.fixture
def move(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Make the app a shop that has only one part here, and the others at an address."""

    def moved(here: str, url: str) -> None:
        monkeypatch.setitem(app.extensions, "bookstore_peers", {})
        changed = replace(
            app.config["SETTINGS"],
            bookstore_services=here,
            service_token=TOKEN,
            **dict.fromkeys(URLS, url),
        )
        monkeypatch.setitem(app.config, "SETTINGS", changed)

    return moved


@pytest.fixture(params=["here", "apart"])
def layout(
    request: pytest.FixtureRequest,
    apps: Apps,
    live_shops: LiveShops,
    app: Flask,
    database: str,
    move: Callable[[str, str], None],
) -> str:
    """All parts in this process; or the one that is asked in another."""
    kind = str(request.param)
    if kind == "apart":
        running = live_shops.get(apps.settings(database, web_workers=1, service_token=TOKEN))
        # Each test asks parts that are not here: only what nobody asks is.
        request.node.away = lambda here: move(here, running.url)
    return kind


@pytest.fixture
def only(request: pytest.FixtureRequest, layout: str) -> Callable[[str], None]:
    away: Callable[[str], None] = getattr(request.node, "away", lambda _here: None)
    return away


def test_who_a_user_is(app: Flask, only: Callable[[str], None]) -> None:
    user, gone = make_user("ann"), make_user("gone")
    accounts.delete_account(gone)
    only("orders")
    found = peer_users.get_user(user.id)
    assert (found.id, found.username, found.email, found.name) == (
        *(user.id, "ann", "ann@example.com", "ann"),
    )
    assert found.is_active
    assert not peer_users.get_user(gone.id).is_active
    with pytest.raises(errors.NotFound):
        peer_users.get_user(10**6)


def test_what_books_are(app: Flask, only: Callable[[str], None]) -> None:
    cheap, sold_out = make_book("Cheap", price=1), make_book("Sold out", price=123456, stock=0)
    only("orders")
    found = peer_catalog.get_books([sold_out.id, 10**6, cheap.id])
    assert [(one.title, one.price, one.currency, one.status) for one in found] == [
        ("Cheap", 1, "usd", "available"),
        ("Sold out", 123456, "usd", "out_of_stock"),
    ]
    assert peer_catalog.get_books([]) == []


def test_an_order_for_somebody(app: Flask, only: Callable[[str], None]) -> None:
    user, book, other = make_user(), make_book(stock=9, price=1000), make_book(stock=9, price=50)
    cart.add_item(user, book.id, 4)
    items = [{"book_id": book.id, "quantity": 1}, {"book_id": other.id, "quantity": 2}]
    only("catalog")
    made = peer_orders.create_order(user.id, [*items, items[0]], ADDRESS)
    assert (made.user_id, made.status, made.payment_status) == (user.id, "pending", "unpaid")
    assert [(item.book_id, item.quantity, item.price) for item in made.items] == [
        *((book.id, 2, 1000), (other.id, 2, 50)),
    ]
    assert peer_orders.get_order(made.id) == made
    db.session.rollback()
    assert db.session.get_one(Order, made.id).total_amount == made.total_amount
    # Their cart is for them to order.
    assert cart.get(user)["total_items"] == 4
    assert check_books(app) == {book.id: 7, other.id: 7}


def test_refusals_come_through_as_they_are(app: Flask, only: Callable[[str], None]) -> None:
    user, gone, book = make_user(), make_user(), make_book(stock=1)
    accounts.delete_account(gone)
    only("catalog")

    def create(user_id: int, book_id: int, copies: int = 1, **more: Any) -> None:
        peer_orders.create_order(
            user_id, [{"book_id": book_id, "quantity": copies}], ADDRESS, **more
        )

    with pytest.raises(errors.OutOfStock) as short:
        create(user.id, book.id, 2)
    assert short.value.extra["items"] == [{"book_id": book.id, "requested": 2, "available": 1}]
    for user_id, book_id, copies, field in (
        (gone.id, book.id, 1, "user_id"),
        (10**6, book.id, 1, "user_id"),
        (user.id, 10**6, 1, "items"),
        (user.id, book.id, 0, "items"),
        (user.id, book.id, 1000, "items"),
    ):
        with pytest.raises(errors.Invalid) as refused:
            create(user_id, book_id, copies)
        assert list(refused.value.extra["errors"]) == [field]
    with pytest.raises(errors.Invalid):
        create(user.id, book.id, shipping_method="teleport")
    with pytest.raises(errors.NotFound):
        peer_orders.get_order(10**6)
    assert check_books(app) == {book.id: 1}


def test_a_key_is_one_order(app: Flask, only: Callable[[str], None]) -> None:
    user, book = make_user(), make_book(stock=9)
    items = [{"book_id": book.id, "quantity": 1}]
    only("catalog")
    made = [peer_orders.create_order(user.id, items, ADDRESS, key="k 1") for _ in range(2)]
    assert made[0] == made[1]
    with pytest.raises(errors.IdempotencyKeyReused):
        peer_orders.create_order(user.id, [{**items[0], "quantity": 2}], ADDRESS, key="k 1")
    short = [{**items[0], "quantity": 99}]
    for _ in range(2):
        with pytest.raises(errors.OutOfStock):
            peer_orders.create_order(user.id, short, ADDRESS, key="k 2")
    assert check_books(app) == {book.id: 8}


@pytest.mark.parametrize("database", ["sqlite"])
class TestFailing:
    @pytest.fixture
    def users(self, move: Callable[[str, str], None]) -> Iterator[OtherPart]:
        with OtherPart() as part:
            move("orders", part.url)
            yield part

    def test_who_asks_is_told_apart(self, users: OtherPart) -> None:
        mark = logs.request_id.set("the-request")
        try:
            assert peer_users.get_user(7).name == "Ann"
        finally:
            logs.request_id.reset(mark)
        assert users.headers[0]["Authorization"] == f"Bearer {TOKEN}"
        assert users.headers[0]["X-Request-ID"] == "the-request"

    def test_a_lost_answer_is_asked_for_again(self, users: OtherPart) -> None:
        users.faults.extend(["drop", (503, {}, {})])
        assert peer_users.get_user(7).id == 7
        assert users.requests == 3

    def test_one_that_stays_away_is_a_503_and_left_alone(
        self, users: OtherPart, caplog: pytest.LogCaptureFixture
    ) -> None:
        users.faults.extend([(502, {}, {})] * 100)
        for _ in range(3):
            with pytest.raises(errors.PartUnavailable) as refused:
                peer_users.get_user(7)
        assert refused.value.extra == {"part": "users"}
        assert caplog.text.count("does not answer") == 3
        asked = users.requests
        with pytest.raises(errors.PartUnavailable) as refused:
            peer_users.get_user(7)
        assert users.requests == asked
        assert 1 <= refused.value.retry_after <= 5

    def test_it_is_asked_again_after_its_rest(
        self, app: Flask, users: OtherPart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bookstore.gateways.peer_http.REST_SECONDS", 0.2)
        users.faults.extend([(502, {}, {})] * 9)
        while users.faults:
            with pytest.raises(errors.PartUnavailable):
                peer_users.get_user(7)

        def back() -> bool:
            with contextlib.suppress(errors.PartUnavailable):
                return peer_users.get_user(7).id == 7
            return False

        assert not back()
        wait_until(back)

    def test_a_hanging_one_is_given_up(
        self, users: OtherPart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bookstore.gateways.peer_http.READ_SECONDS", 0.1)
        users.faults.append("hang")
        with pytest.raises(errors.PartUnavailable):
            peer_users.get_user(7)
        # Asked once: a second time would take as long again.
        assert users.requests == 1

    def test_a_hanging_one_holds_only_two_threads(self, app: Flask, users: OtherPart) -> None:
        users.faults.extend(["hang"] * 12)

        def ask() -> str:
            with app.app_context(), pytest.raises(errors.PartUnavailable):
                peer_users.get_user(7)
            return "refused"

        assert at_once([ask] * 12) == ["refused"] * 12
        assert users.requests == 2

    @pytest.mark.parametrize(
        "strange",
        [(401, {"code": "unauthenticated"}, {}), (404, {"detail": "?"}, {}), (418, 1, {})],
    )
    def test_answers_that_nobody_understands(self, users: OtherPart, strange: HttpAnswer) -> None:
        users.faults.append(strange)
        with pytest.raises(errors.PartUnavailable):
            peer_users.get_user(7)
        # It is up: one such answer is no reason to leave it alone.
        assert peer_users.get_user(7).id == 7

    def test_the_key_of_a_request_is_sent_on_and_free_again(
        self, move: Callable[[str, str], None], app: Flask
    ) -> None:
        request = Request("user:1", "POST /somewhere", "the key", "fingerprint")
        with OtherPart() as part:
            move("users", part.url)
            part.faults.extend([(503, {}, {})] * 4)

            def work() -> Answer:
                peer_orders.create_order(1, [{"book_id": 1, "quantity": 1}], ADDRESS)
                raise AssertionError("not reached")

            for _ in range(2):
                with pytest.raises(errors.PartUnavailable):
                    idempotency.run(request, work, lambda error: Answer(500, {}, b""))
            assert part.requests == 4
        assert idempotency.current_key() is None
