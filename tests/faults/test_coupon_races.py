"""Coupons and many buyers at the same moment, against real processes (invariant 7)."""

from collections.abc import Iterator
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import func, select

from bookstore.extensions import db
from bookstore.models import CartCoupon, Coupon, CouponRedemption, Order
from bookstore.services import cart
from bookstore.services.actors import Actor
from tests.clients import ADDRESS, LiveShop, at_once
from tests.factories import (
    check_books,
    fill_carts,
    make_book,
    make_buyers,
    make_clerk,
    new_book,
    new_coupon,
)
from tests.faults.test_races import outcomes

ORDER = {"shipping_address": ADDRESS}


@pytest.fixture(autouse=True)
def balanced(shop: Flask) -> Iterator[None]:
    """Whatever happened, the books balance, and each coupon counts what is used."""
    yield
    check_books(shop)
    with shop.app_context():
        for coupon in db.session.scalars(select(Coupon)):
            assert coupon.used == redeemed(coupon.id), coupon
            assert coupon.used <= (coupon.usage_limit or 1000), coupon
        rows = select(func.count()).select_from(CouponRedemption)
        rows = rows.join(Order, Order.id == CouponRedemption.order_id)
        stray = (Order.status == "cancelled") == CouponRedemption.released_at.is_(None)
        assert db.session.scalar(rows.where(stray)) == 0


def redeemed(coupon_id: int) -> int:
    rows = select(func.count()).select_from(CouponRedemption)
    rows = rows.where(CouponRedemption.coupon_id == coupon_id)
    return db.session.scalar(rows.where(CouponRedemption.released_at.is_(None))) or 0


def fill(shop: Flask, buyers: list[tuple[int, str]], book: int, code: str) -> None:
    """Give each buyer a cart with a copy and a coupon."""
    fill_carts(shop, {user: [(book, 1)] for user, _ in buyers})
    with shop.app_context():
        for user, _ in buyers:
            cart.put_coupon(Actor(user, "buyer"), code)


def discounted(shop: Flask) -> int:
    with shop.app_context():
        return db.session.scalar(select(func.count(Order.id)).where(Order.discount > 0)) or 0


def test_a_limit_holds(shop: Flask, live: LiveShop) -> None:
    coupon, book = new_coupon(shop, "TEN", usage_limit=10), new_book(shop, stock=200)
    buyers = make_buyers(shop, 100)
    fill(shop, buyers, book, "TEN")
    answers = at_once([partial(live.call, "POST", "/orders", ORDER, t) for _, t in buyers])
    assert outcomes(answers) == {(201, None): 10, (422, "coupon_invalid"): 90}
    refused = [answer.json() for answer in answers if answer.status_code == 422]
    assert {problem["reason"] for problem in refused} == {"used_up"}
    assert discounted(shop) == 10
    with shop.app_context():
        assert db.session.get_one(Coupon, coupon).used == redeemed(coupon) == 10
    # The others still have their carts, and get the book without it.
    left = [t for (_, t), a in zip(buyers, answers, strict=True) if a.status_code == 422]
    at_once([partial(live.call, "DELETE", "/cart/coupon", None, t) for t in left])
    answers = at_once([partial(live.call, "POST", "/orders", ORDER, t) for t in left])
    assert outcomes(answers) == {(201, None): 90}
    assert discounted(shop) == 10


@pytest.mark.faults
def test_a_limit_that_comes_meanwhile_counts_them_all(shop: Flask, live: LiveShop) -> None:
    """Orders, cancellations, and staff that sets and lifts the limit."""
    coupon, book = new_coupon(shop, "TEN"), new_book(shop, stock=200)
    buyers, clerk = make_buyers(shop, 60), make_clerk(shop)
    fill(shop, buyers, book, "TEN")

    def buy(token: str, regret: bool) -> list[int]:
        placed = live.call("POST", "/orders", ORDER, token)
        if placed.status_code != 201 or not regret:
            return [placed.status_code]
        path = f"/orders/{placed.json()['id']}/cancel"
        return [201, live.call("POST", path, {}, token).status_code]

    def limit(most: int | None) -> list[int]:
        path = f"/coupons/{coupon}"
        answer = live.call("PATCH", path, {"usage_limit": most}, clerk, If_Match="*")
        return [answer.status_code]

    jobs = [partial(buy, token, number % 3 == 0) for number, (_, token) in enumerate(buyers)]
    changes = [partial(limit, [1000, None, 2000][n % 3]) for n in range(30)]
    for n, change in enumerate(changes):
        jobs.insert(3 * n, change)  # type: ignore[arg-type]
    results = [tuple(result) for result in at_once(jobs)]
    assert set(results) == {(201,), (201, 200), (200,)}
    assert limit(5000) == [200]
    with shop.app_context():
        assert db.session.get_one(Coupon, coupon).used == redeemed(coupon) == 40


def test_an_order_gives_it_back_once(shop: Flask, live: LiveShop) -> None:
    coupon, book = new_coupon(shop, "TEN", usage_limit=3), new_book(shop)
    buyers = make_buyers(shop, 2)
    fill(shop, buyers, book, "TEN")
    first, _ = [live.call("POST", "/orders", ORDER, token).json()["id"] for _, token in buyers]
    cancel = partial(live.call, "POST", f"/orders/{first}/cancel", {}, buyers[0][1])
    answers = at_once([cancel] * 20)
    assert outcomes(answers) == {(200, None): 1, (409, "invalid_transition"): 19}
    with shop.app_context():
        assert db.session.get_one(Coupon, coupon).used == redeemed(coupon) == 1


@pytest.mark.faults
def test_a_buyer_uses_it_as_often_as_they_may(shop: Flask, live: LiveShop) -> None:
    """One cart makes one order at a time; the cart is filled again as fast as it empties."""
    coupon, book = new_coupon(shop, "ONCE", per_user_limit=2), new_book(shop, stock=200)
    [(user, token)] = make_buyers(shop, 1)
    fill(shop, [(user, token)], book, "ONCE")
    add = partial(live.call, "POST", "/cart/items", {"book_id": book}, token)
    put = partial(live.call, "PUT", "/cart/coupon", {"code": "ONCE"}, token)
    order = partial(live.call, "POST", "/orders", ORDER, token)
    answers = at_once([add, put, order] * 20)
    expected = {(201, None), (200, None), (409, "cart_empty"), (422, "coupon_invalid")}
    assert set(outcomes(answers)) <= expected
    with shop.app_context():
        assert 1 <= redeemed(coupon) <= 2
    for step in (add, put, order, add, put, order):
        step()
    with shop.app_context():
        assert redeemed(coupon) == 2
    assert put().json()["reason"] == "used_by_you"


@pytest.mark.parametrize("stackable", [False, True])
def test_two_at_once_on_a_cart(shop: Flask, live: LiveShop, stackable: bool) -> None:
    codes = [f"CODE-{n}" for n in range(4)]
    for code in codes:
        new_coupon(shop, code, stackable=stackable)
    [(_, token)] = make_buyers(shop, 1)
    puts = [partial(live.call, "PUT", "/cart/coupon", {"code": c}, token) for c in codes]
    assert outcomes(at_once(puts * 10)) == {(200, None): 40}
    with shop.app_context():
        lying = list(db.session.scalars(select(CartCoupon.coupon_id)))
    assert len(lying) == len(set(lying)) == (4 if stackable else 1)


@pytest.mark.faults
def test_coupons_are_changed_and_removed_while_they_are_wanted(shop: Flask, live: LiveShop) -> None:
    with shop.app_context():
        books = [make_book(stock=100, price=1310).id for _ in range(2)]
    coupons = [
        new_coupon(shop, f"CODE-{n}", book_ids=books if n % 2 else [], stackable=n > 3)
        for n in range(6)
    ]
    buyers, clerk = make_buyers(shop, 24), make_clerk(shop)
    fill_carts(shop, {user: [(book, 1) for book in books] for user, _ in buyers})
    with shop.app_context():
        for n, (user, _) in enumerate(buyers):
            cart.put_coupon(Actor(user, "buyer"), f"CODE-{n % 6}")
    jobs = []
    for n, (_, token) in enumerate(buyers):
        path = f"/coupons/{coupons[n % 6]}"
        other = {"code": f"CODE-{(n + 1) % 6}"}
        scope = {"book_ids": [books[n % 2]], "usage_limit": [None, 50][n % 2]}
        jobs += [
            partial(live.call, "PUT", "/cart/coupon", other, token),
            partial(live.call, "PATCH", path, scope, clerk, If_Match="*"),
            partial(live.call, "POST", "/orders", ORDER, token),
            partial(live.call, "DELETE", path, None, clerk),
        ]
    answers = at_once(jobs)
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404, 409, 422}
    refused = {code for status, code in outcomes(answers) if status >= 400}
    assert refused <= {"not_found", "coupon_used", "coupon_invalid", "cart_empty"}
