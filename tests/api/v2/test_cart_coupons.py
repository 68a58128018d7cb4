"""Coupons on carts: what they take off, why they do not, and whose they are."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import CartCoupon, Coupon, ShippingMethod
from bookstore.services import coupon_editing
from bookstore.services.actors import SYSTEM
from bookstore.services.coupons import REASONS
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem, statements
from tests.factories import (
    PASSWORD,
    log_in,
    make_category,
    make_user,
    new_book,
    new_coupon,
    reader_and_clerk,
)

ORDER = {"shipping_address": ADDRESS}


@pytest.fixture
def reader(shop: Flask) -> Client:
    """A reader with two copies of a book at 10.00 in the cart."""
    reader = reader_and_clerk(shop)[0]
    ok(reader.post("/cart/items", {"book_id": new_book(shop, price=1000), "quantity": 2}), 201)
    return reader


def put(client: Client, code: str, **headers: str) -> Any:
    return ok(client.put("/cart/coupon", {"code": code}, **headers))


def refusal(client: Client, code: str) -> str:
    """Return why a coupon is refused."""
    body = problem(client.put("/cart/coupon", {"code": code}), 422, "coupon_invalid")
    assert body["detail"] == REASONS[body["reason"]]
    assert body["errors"] == {"code": [body["detail"]]}
    assert body["coupon"] == code.strip().upper()
    return str(body["reason"])


def change(shop: Flask, coupon_id: int, **changes: Any) -> None:
    with shop.app_context():
        coupon_editing.update(SYSTEM, coupon_id, changes)


def codes(cart: Any) -> list[str]:
    return [coupon["code"] for coupon in cart["coupons"]]


def test_it_shows_what_it_takes_off(shop: Flask, reader: Client) -> None:
    new_coupon(shop, "WELCOME10")
    cart = put(reader, " welcome10\t")
    assert cart == ok(reader.get("/cart"))
    assert (cart["subtotal"], cart["discount"]) == ("20.00", "2.00")
    assert cart["coupon"] == {
        "code": "WELCOME10",
        "kind": "percent",
        "discount": "2.00",
        "applies": True,
        "reason": None,
        "detail": None,
    }
    assert cart["coupons"] == [cart["coupon"]]
    assert put(reader, "WELCOME10") == cart
    without = ok(reader.delete("/cart/coupon"))
    assert (without["coupon"], without["coupons"], without["discount"]) == (None, [], "0.00")
    assert ok(reader.delete("/cart/coupon")) == without


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        ("percent", "100", "20.00"),
        ("percent", "0.001", "0.00"),
        ("percent", "33.333", "6.67"),
        ("fixed", "5.00", "5.00"),
        ("fixed", "99.00", "20.00"),
        ("free_shipping", None, "0.00"),
    ],
)
def test_kinds(shop: Flask, reader: Client, kind: str, value: str | None, taken: str) -> None:
    new_coupon(shop, "ONE", value, kind=kind)
    cart = put(reader, "ONE")
    assert (cart["coupon"]["kind"], cart["coupon"]["applies"]) == (kind, True)
    assert cart["coupon"]["discount"] == cart["discount"] == taken
    quote = ok(reader.post("/cart/quote", {"shipping_address": ADDRESS}))
    assert quote["discount"] == taken
    order = ok(reader.post("/orders", {**ORDER, "expected_total": quote["total"]}), 201)
    amount = "4.99" if kind == "free_shipping" else taken
    # One that took nothing off is not used up.
    used = [] if amount == "0.00" else [{"code": "ONE", "kind": kind, "amount": amount}]
    assert order["discounts"] == used
    with shop.app_context():
        assert db.session.scalars(select(Coupon.used)).all() == [len(used)]
    assert order["shipping"] == ("0.00" if kind == "free_shipping" else "4.99")
    assert order["discount"] == taken
    assert ok(reader.get("/cart"))["coupon"] is None


def test_free_shipping_is_not_used_up_where_it_is_free(shop: Flask, reader: Client) -> None:
    new_coupon(shop, "ONE", None, kind="free_shipping")
    with shop.app_context(), unit_of_work() as session:
        standard = ShippingMethod.code == "standard"
        session.execute(update(ShippingMethod).where(standard).values(free_over=2000))
    put(reader, "ONE")
    quote = ok(reader.post("/cart/quote", {"shipping_address": ADDRESS}))
    assert (quote["discounts"], quote["shipping"]) == ([], "0.00")
    # The others are free by the coupon alone.
    assert {one["price"] for one in quote["shipping_methods"]} == {"0.00"}
    order = ok(reader.post("/orders", ORDER), 201)
    assert (order["shipping"], order["discounts"]) == ("0.00", [])
    with shop.app_context():
        assert db.session.scalars(select(Coupon.used)).all() == [0]


def test_one_takes_the_place_of_another(shop: Flask, reader: Client) -> None:
    new_coupon(shop, "ALONE")
    new_coupon(shop, "ALONE2", "20")
    new_coupon(shop, "WITH1", stackable=True)
    new_coupon(shop, "WITH2", "5.00", kind="fixed", stackable=True)
    assert codes(put(reader, "ALONE")) == ["ALONE"]
    assert codes(put(reader, "ALONE2")) == ["ALONE2"]
    assert codes(put(reader, "WITH1")) == ["WITH1"]
    cart = put(reader, "WITH2")
    assert codes(cart) == ["WITH1", "WITH2"]
    assert cart["coupon"]["code"] == "WITH1"
    assert [one["discount"] for one in cart["coupons"]] == ["2.00", "5.00"]
    assert cart["discount"] == "7.00"
    assert put(reader, "WITH1") == cart
    # A refused one leaves the others.
    assert refusal(reader, "NONE") == "unknown"
    assert ok(reader.get("/cart")) == cart
    assert codes(put(reader, "ALONE")) == ["ALONE"]


def test_every_reason(shop: Flask, reader: Client) -> None:
    """Each is told when the coupon is put, and on the cart where it lies already."""
    now, day = clock.now(), timedelta(days=1)
    other = new_book(shop, price=100, stock=100)
    with shop.app_context():
        shelf = make_category("Elsewhere").id
    used = new_coupon(shop, "USED", usage_limit=1)
    mine = new_coupon(shop, "MINE", per_user_limit=1)
    wrong: dict[str, dict[str, Any]] = {
        "inactive": {"is_active": False},
        "not_started": {"starts_at": now + day},
        "expired": {"ends_at": now - day},
        "min_subtotal": {"min_subtotal": 2001},
        "not_for_these_books": {"category_ids": [shelf], "book_ids": [other]},
    }
    seen = {refusal(reader, "NO-SUCH")}
    for reason, fields in wrong.items():
        code = reason.replace("_", "-").upper()
        new_coupon(shop, code, **fields)
        assert refusal(reader, code) == reason
        good = new_coupon(shop, f"{code}-2")
        put(reader, f"{code}-2")
        change(shop, good, **fields)
        cart = ok(reader.get("/cart"))
        coupon = cart["coupon"]
        assert (coupon["applies"], coupon["discount"], cart["discount"]) == (False, "0.00", "0.00")
        assert (coupon["reason"], coupon["detail"]) == (reason, REASONS[reason])
        assert refusal(reader, f"{code}-2") == reason
        # Nothing is ordered for more than the buyer was promised.
        body = problem(reader.post("/orders", ORDER), 422, "coupon_invalid")
        assert (body["reason"], body["coupon"]) == (reason, f"{code}-2")
        seen.add(reason)
    ok(reader.delete("/cart/coupon"))
    limited = (
        ("used_up", used, "USED", "usage_limit"),
        ("used_by_you", mine, "MINE", "per_user_limit"),
    )
    for reason, coupon_id, code, limit in limited:
        put(reader, code)
        ok(reader.post("/orders", ORDER), 201)
        ok(reader.post("/cart/items", {"book_id": other, "quantity": 20}), 201)
        assert refusal(reader, code) == reason
        change(shop, coupon_id, **{limit: 2})
        put(reader, code)
        change(shop, coupon_id, **{limit: 1})
        assert ok(reader.get("/cart"))["coupon"]["reason"] == reason
        assert problem(reader.post("/orders", ORDER), 422, "coupon_invalid")["reason"] == reason
        ok(reader.delete("/cart/coupon"))
        seen.add(reason)
    first = new_coupon(shop, "FIRST", stackable=True)
    new_coupon(shop, "SECOND", stackable=True)
    put(reader, "FIRST")
    put(reader, "SECOND")
    change(shop, first, stackable=False)
    cart = ok(reader.get("/cart"))
    assert [one["reason"] for one in cart["coupons"]] == [None, "not_with_others"]
    assert cart["discount"] == cart["coupon"]["discount"] == "2.00"
    body = problem(reader.post("/orders", ORDER), 422, "coupon_invalid")
    assert (body["reason"], body["coupon"]) == ("not_with_others", "SECOND")
    assert codes(put(reader, "SECOND")) == ["SECOND"]
    assert seen | {"not_with_others"} == set(REASONS)


def test_limits_in_time_are_half_open(shop: Flask, reader: Client) -> None:
    now = clock.now()
    new_coupon(shop, "NOW", starts_at=now, ends_at=now + timedelta(hours=1))
    assert put(reader, "NOW")["coupon"]["applies"]
    new_coupon(shop, "OVER", ends_at=now)
    assert refusal(reader, "OVER") == "expired"


def test_it_stays_and_applies_again(shop: Flask, reader: Client) -> None:
    new_coupon(shop, "BIG", min_subtotal=2000)
    put(reader, "BIG")
    [item] = ok(reader.get("/cart"))["items"]
    path = f"/cart/items/{item['book']['id']}"
    less = ok(reader.patch(path, {"quantity": 1}))
    assert (less["coupon"]["reason"], less["discount"]) == ("min_subtotal", "0.00")
    more = ok(reader.patch(path, {"quantity": 3}))
    assert (more["coupon"]["applies"], more["discount"]) == (True, "3.00")
    empty = ok(reader.delete(path))
    assert (empty["items"], empty["coupon"]["reason"]) == ([], "min_subtotal")
    # Whoever empties the cart starts from nothing.
    assert ok(reader.delete("/cart"))["coupon"] is None
    assert ok(reader.get("/cart"))["coupons"] == []


def test_a_guest_brings_it_along(shop: Flask, client: Client) -> None:
    new_coupon(shop, "GUEST", per_user_limit=1)
    new_coupon(shop, "OTHER")
    with shop.app_context():
        ann = log_in(shop, make_user("ann"))
    opened = client.put("/cart/coupon", {"code": "guest"})
    assert ok(opened)["coupon"]["applies"]
    guest = Client(shop, {"X-Cart-Token": opened.headers["X-Cart-Token"]})
    assert "X-Cart-Token" not in guest.put("/cart/coupon", {"code": "guest"}).headers
    assert codes(ok(guest.get("/cart"))) == ["GUEST"]
    book = new_book(shop, price=1000)
    assert ok(guest.post("/cart/items", {"book_id": book}), 201)["discount"] == "1.00"
    login = {"username": "ann", "password": PASSWORD}
    ok(guest.post("/auth/token", login))
    assert codes(ok(ann.get("/cart"))) == ["GUEST"]
    ok(ann.post("/orders", ORDER), 201)
    # The next time it is known who asks, once they are known.
    token = client.put("/cart/coupon", {"code": "guest"}).headers["X-Cart-Token"]
    ok(ann.post("/cart/items", {"book_id": book}), 201)
    ok(client.post("/auth/token", login, X_Cart_Token=token))
    assert ok(ann.get("/cart"))["coupon"]["reason"] == "used_by_you"
    problem(ann.post("/orders", ORDER), 422, "coupon_invalid")
    # What is on the account's cart goes before what a guest's has.
    put(ann, "OTHER")
    token = client.put("/cart/coupon", {"code": "guest"}).headers["X-Cart-Token"]
    ok(client.post("/auth/token", login, X_Cart_Token=token))
    assert codes(ok(ann.get("/cart"))) == ["OTHER"]


def test_a_guest_without_a_cart(shop: Flask, client: Client) -> None:
    assert refusal(client, "NONE") == "unknown"
    cart = ok(client.delete("/cart/coupon"))
    assert (cart["items"], cart["coupon"]) == ([], None)
    with shop.app_context():
        assert db.session.scalar(select(func.count()).select_from(CartCoupon)) == 0


def test_what_is_asked_of_the_database(shop: Flask, reader: Client) -> None:
    with shop.app_context():
        shelf = make_category("Poems").id
    [item] = ok(reader.get("/cart"))["items"]
    new_coupon(shop, "SOME", category_ids=[shelf], book_ids=[item["book"]["id"]], stackable=True)
    new_coupon(shop, "MORE", category_ids=[shelf], book_ids=[item["book"]["id"]], stackable=True)
    new_coupon(shop, "PLAIN")
    limits = {None: 2, "PLAIN": 3, "SOME": 5, "MORE": 5}
    for code, limit in limits.items():
        if code:
            put(reader, code)
        with statements(shop) as found:
            ok(reader.get("/cart"))
        assert len(found) <= limit, (code, found)
