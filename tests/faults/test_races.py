"""Many clients at the same moment, against four gunicorn processes on a real database."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select

from bookstore.extensions import db
from bookstore.models import (
    CartItem,
    LoginSession,
    Order,
    OrderItem,
    Review,
    ShoppingCart,
    StockMovement,
    User,
    WishListItem,
)
from bookstore.services import doctor
from tests.clients import ADDRESS, LiveShop, at_once
from tests.factories import PASSWORD, check_books, fill_carts, make_book, make_buyers, make_clerk

pytestmark = pytest.mark.faults

ORDER = {"shipping_address": ADDRESS}


@pytest.fixture(autouse=True)
def balanced(shop: Flask) -> Iterator[None]:
    """Whatever happened, the books balance afterwards."""
    yield
    check_books(shop)


def book_ids(shop: Flask, *stocks: int) -> list[int]:
    with shop.app_context():
        return [make_book(stock=stock, price=1310).id for stock in stocks]


def count(shop: Flask, model: type) -> int:
    with shop.app_context():
        return int(db.session.scalar(select(func.count()).select_from(model)))


def outcomes(answers: list[requests.Response]) -> Counter[tuple[int, str | None]]:
    """Count (status, problem code)."""
    return Counter((a.status_code, a.json().get("code") if a.content else None) for a in answers)


def calls(times: int, call: Callable[[], requests.Response]) -> list[requests.Response]:
    return at_once([call] * times)


def test_no_copy_is_sold_twice(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 50)
    buyers = make_buyers(shop, 200)
    fill_carts(shop, {user: [(book, 1)] for user, _ in buyers})
    answers = at_once([partial(live.call, "POST", "/orders", ORDER, t) for _, t in buyers])
    assert outcomes(answers) == {(201, None): 50, (409, "out_of_stock"): 150}
    assert check_books(shop) == {book: 0}
    assert count(shop, Order) == 50


def test_carts_of_many_books_in_any_order_do_not_deadlock(shop: Flask, live: LiveShop) -> None:
    books = book_ids(shop, 30, 30, 30, 30)
    buyers = make_buyers(shop, 60)
    fill_carts(
        shop,
        {
            user: [(book, 1) for book in (books if n % 2 else reversed(books))]
            for n, (user, _) in enumerate(buyers)
        },
    )
    answers = at_once([partial(live.call, "POST", "/orders", ORDER, t) for _, t in buyers])
    assert outcomes(answers) == {(201, None): 30, (409, "out_of_stock"): 30}
    assert set(check_books(shop).values()) == {0}
    assert count(shop, OrderItem) == 30 * 4


def test_one_cart_makes_one_order(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 500)
    [(user, token)] = make_buyers(shop, 1)
    fill_carts(shop, {user: [(book, 3)]})
    answers = calls(50, partial(live.call, "POST", "/orders", ORDER, token))
    assert outcomes(answers) == {(201, None): 1, (409, "cart_empty"): 49}
    assert check_books(shop) == {book: 497}


def test_one_key_makes_one_order(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 500)
    [(user, token)] = make_buyers(shop, 1)
    fill_carts(shop, {user: [(book, 3)]})
    place = partial(live.call, "POST", "/orders", ORDER, token, Idempotency_Key="once")
    answers = calls(50, place)
    last = place()
    assert set(outcomes(answers)) <= {(201, None), (409, "idempotency_in_progress")}
    placed = [answer for answer in answers if answer.status_code == 201]
    assert sum("Idempotency-Replayed" not in answer.headers for answer in placed) == 1
    assert {answer.content for answer in [*placed, last]} == {last.content}
    assert last.headers["Idempotency-Replayed"] == "true"
    assert count(shop, Order) == 1
    assert check_books(shop) == {book: 497}


@pytest.mark.parametrize("has_cart", [True, False])
def test_adding_to_a_cart_loses_nothing(shop: Flask, live: LiveShop, has_cart: bool) -> None:
    books = book_ids(shop, 10, 10)
    [(user, token)] = make_buyers(shop, 1)
    if has_cart:
        fill_carts(shop, {user: [(books[1], 1)]})
    answers = calls(200, partial(live.call, "POST", "/cart/items", {"book_id": books[0]}, token))
    assert outcomes(answers) == {(201, None): 200}
    with shop.app_context():
        lines = select(CartItem.quantity).where(CartItem.book_id == books[0])
        assert list(db.session.scalars(lines)) == [200]
    assert count(shop, ShoppingCart) == 1


def test_a_guests_cart_grows_as_well(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 10)
    body = {"book_id": book}
    guest = live.call("POST", "/cart/items", body).headers["X-Cart-Token"]
    answers = calls(60, partial(live.call, "POST", "/cart/items", body, X_Cart_Token=guest))
    assert outcomes(answers) == {(201, None): 60}
    assert live.call("GET", "/cart", X_Cart_Token=guest).json()["total_items"] == 61


def test_logging_in_many_times_merges_the_guests_cart_once(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 10)
    token = live.register("ann")
    added = live.call("POST", "/cart/items", {"book_id": book, "quantity": 7})
    login = {"username": "ann", "password": PASSWORD}
    guest = added.headers["X-Cart-Token"]
    answers = calls(10, partial(live.call, "POST", "/auth/token", login, X_Cart_Token=guest))
    found = outcomes(answers)
    assert found[200, None] > 1
    # Who came while four others were being checked by that process is told to come again.
    assert set(found) <= {(200, None), (503, "logins_busy")}
    assert live.call("GET", "/cart", token=token).json()["total_items"] == 7
    assert count(shop, ShoppingCart) == 1


def test_an_order_is_cancelled_once(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 5)
    [(user, token)] = make_buyers(shop, 1)
    fill_carts(shop, {user: [(book, 4)]})
    order = live.call("POST", "/orders", ORDER, token).json()["id"]
    answers = calls(20, partial(live.call, "POST", f"/orders/{order}/cancel", {}, token))
    assert outcomes(answers) == {(200, None): 1, (409, "invalid_transition"): 19}
    assert check_books(shop) == {book: 5}
    with shop.app_context():
        moves = select(StockMovement.delta).order_by(StockMovement.id)
        assert list(db.session.scalars(moves)) == [5, -4, 4]


def test_selling_and_giving_back_at_the_same_time(shop: Flask, live: LiveShop) -> None:
    books = book_ids(shop, 40, 40)
    buyers = make_buyers(shop, 40)
    fill_carts(shop, {user: [(book, 2) for book in books] for user, _ in buyers})

    def buy_and_regret(token: str) -> list[int]:
        placed = live.call("POST", "/orders", ORDER, token)
        if placed.status_code != 201:
            return [placed.status_code]
        path = f"/orders/{placed.json()['id']}/cancel"
        return [201, live.call("POST", path, {}, token).status_code]

    results = at_once([partial(buy_and_regret, token) for _, token in buyers])
    assert {tuple(result) for result in results} <= {(201, 200), (409,)}
    assert set(check_books(shop).values()) == {40}


def test_a_refresh_token_works_once(shop: Flask, live: LiveShop) -> None:
    live.register("ann")
    login = {"username": "ann", "password": PASSWORD}
    tokens = live.call("POST", "/auth/token", login).json()
    body = {"refresh": tokens["refresh"]}
    answers = calls(10, partial(live.call, "POST", "/auth/token/refresh", body))
    found = outcomes(answers)
    assert found[200, None] <= 1
    assert set(found) <= {(200, None), (401, "token_reused"), (401, "token_revoked")}
    refused = live.call("GET", "/me", token=tokens["access"])
    assert refused.json()["code"] == "token_revoked"
    with shop.app_context():
        revoked = select(func.count()).where(LoginSession.revoked_at.is_not(None))
        assert db.session.scalar(revoked) == 1


def test_one_name_makes_one_account(shop: Flask, live: LiveShop) -> None:
    account = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}
    answers = calls(12, partial(live.call, "POST", "/auth/register", account))
    found = outcomes(answers)
    assert found.pop((201, None)) == 1
    # Both are taken; which of the two is told depends on which index was asked first.
    busy = (503, "logins_busy")
    assert set(found) <= {(409, "username_taken"), (409, "email_taken"), busy}
    assert count(shop, User) == 1


def test_one_reader_reviews_a_book_once(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 1)
    [(_, token)] = make_buyers(shop, 1)
    body = {"rating": 4, "title": "Good", "comment": "Read it."}
    answers = calls(20, partial(live.call, "POST", f"/books/{book}/reviews", body, token))
    assert outcomes(answers) == {(201, None): 1, (409, "already_reviewed"): 19}
    assert count(shop, Review) == 1
    shown = live.call("GET", f"/books/{book}").json()
    assert (shown["average_rating"], shown["review_count"]) == (4.0, 1)


def test_ratings_are_those_of_the_reviews_that_are_there(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 1)
    buyers = make_buyers(shop, 12)
    reviews = f"/books/{book}/reviews"

    def come_and_go(token: str, stars: int) -> list[requests.Response]:
        answers = []
        for turn in range(6):
            body = {"rating": 1 + (stars + turn) % 5, "title": "So", "comment": "It is."}
            answers.append(live.call("POST", reviews, body, token))
            if answers[-1].status_code == 201:
                mine = f"{reviews}/{answers[-1].json()['id']}"
                answers.append(live.call("PATCH", mine, {"rating": 5}, token))
                if turn < 5:
                    answers.append(live.call("DELETE", mine, None, token))
        return answers

    # Each reader twice at once: one posts anew what the other is just deleting.
    jobs = [partial(come_and_go, token, n) for n, (_, token) in enumerate(buyers) for _ in "ab"]
    answers = [answer for several in at_once(jobs) for answer in several]
    assert {a.status_code for a in answers} <= {200, 201, 204, 404, 409}, outcomes(answers)
    assert count(shop, Review) == 12
    with shop.app_context():
        assert [line for line in doctor.examine(offline=True) if "rating" in line] == []


def test_a_wishlist_holds_a_book_once(shop: Flask, live: LiveShop) -> None:
    [book] = book_ids(shop, 1)
    [(_, token)] = make_buyers(shop, 1)
    answers = calls(20, partial(live.call, "POST", "/wishlist/items", {"book_id": book}, token))
    assert outcomes(answers) == {(201, None): 1, (409, "already_in_wishlist"): 19}
    assert count(shop, WishListItem) == 1


def test_books_are_edited_while_they_sell(shop: Flask, live: LiveShop) -> None:
    books = book_ids(shop, 200, 200)
    buyers = make_buyers(shop, 60)
    clerk = make_clerk(shop)
    fill_carts(shop, {user: [(book, 1) for book in books] for user, _ in buyers})
    orders = [partial(live.call, "POST", "/orders", ORDER, token) for _, token in buyers]
    edits = [
        partial(live.call, "PATCH", f"/books/{book}", {"price": f"13.{n}"}, clerk, If_Match="*")
        for n in range(10, 40)
        for book in books
    ]
    review = {"rating": 4, "title": "Good", "comment": "Read it."}
    reviews = [
        partial(live.call, "POST", f"/books/{books[0]}/reviews", review, token)
        for _, token in buyers
    ]
    mixed = [job for three in zip(orders, edits, reviews, strict=True) for job in three]
    assert outcomes(at_once(mixed)) == {(201, None): 120, (200, None): 60}
    assert set(check_books(shop).values()) == {140}


def test_books_are_deleted_while_they_are_wanted(shop: Flask, live: LiveShop) -> None:
    books = book_ids(shop, *[5] * 12)
    buyers = make_buyers(shop, 12)
    clerk = make_clerk(shop)
    fill_carts(shop, {user: [(book, 1) for book in books[:6]] for user, _ in buyers})
    jobs = []
    for book, (_, token) in zip(books, buyers, strict=True):
        jobs += [
            partial(live.call, "POST", "/cart/items", {"book_id": book}, buyers[0][1]),
            partial(live.call, "POST", "/wishlist/items", {"book_id": book}, token),
            partial(live.call, "DELETE", f"/books/{book}", None, clerk, If_Match="*"),
            partial(live.call, "POST", "/orders", ORDER, token),
            partial(live.call, "POST", "/cart/items", {"book_id": book}, token),
        ]
    answers = at_once(jobs)
    assert {a.status_code for a in answers} <= {201, 204, 404, 409}, outcomes(answers)
