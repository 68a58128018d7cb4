"""How often a coupon is used: counted when it is ordered with, given back with a cancellation."""

from flask import Flask
from sqlalchemy import func, select, update

from bookstore.extensions import db
from bookstore.models import Coupon, CouponRedemption
from bookstore.services import coupon_records
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import new_book, new_coupon

ORDER = {"shipping_address": ADDRESS}


def buy(reader: Client, book: int, code: str) -> int:
    """Order a book with a coupon and return the order's id."""
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    ok(reader.put("/cart/coupon", {"code": code}))
    order = ok(reader.post("/orders", ORDER), 201)
    assert [discount["code"] for discount in order["discounts"]] == [code]
    return int(order["id"])


def counted(shop: Flask, coupon_id: int) -> tuple[int, int]:
    """Return what the counter says, and how many redemptions count."""
    with shop.app_context():
        used = db.session.scalars(select(Coupon.used).where(Coupon.id == coupon_id)).one()
        rows = select(func.count()).select_from(CouponRedemption)
        rows = rows.where(CouponRedemption.coupon_id == coupon_id)
        return used, db.session.scalar(rows.where(CouponRedemption.released_at.is_(None))) or 0


def total(reader: Client) -> str:
    """Return what the cart costs now."""
    return str(ok(reader.post("/cart/quote", {"shipping_address": ADDRESS}))["total"])


def test_used_ones_are_kept(shop: Flask, reader: Client, clerk: Client) -> None:
    coupon = new_coupon(shop, "TEN")
    order = buy(reader, new_book(shop), "TEN")
    path = f"/coupons/{coupon}"
    problem(clerk.delete(path), 409, "coupon_used")
    ok(reader.post(f"/orders/{order}/cancel", {}))
    problem(clerk.delete(path), 409, "coupon_used")
    assert ok(clerk.patch(path, {"is_active": False}, If_Match="*"))["is_active"] is False


def test_a_limit_that_comes_later_counts_what_was(
    shop: Flask, reader: Client, clerk: Client
) -> None:
    coupon, book = new_coupon(shop, "TEN"), new_book(shop)
    path = f"/coupons/{coupon}"
    orders = [buy(reader, book, "TEN") for _ in range(3)]
    ok(reader.post(f"/orders/{orders[0]}/cancel", {}))
    assert counted(shop, coupon) == (2, 2)
    seen = ok(clerk.get(path))
    assert seen["used"] == ok(clerk.get("/coupons"))["data"][0]["used"] == 2
    limited = ok(clerk.patch(path, {"usage_limit": 3}, If_Match="*"))
    assert (limited["used"], counted(shop, coupon)) == (2, (2, 2))
    last = buy(reader, book, "TEN")
    assert counted(shop, coupon) == (3, 3)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    body = problem(reader.put("/cart/coupon", {"code": "TEN"}), 422, "coupon_invalid")
    assert body["reason"] == "used_up"
    # Using it is no change of it: who edits is not disturbed, and sees when it was edited.
    after = ok(clerk.get(path))
    assert (after["version"], after["updated_at"]) == (2, limited["updated_at"])
    ok(reader.post(f"/orders/{last}/cancel", {}))
    assert counted(shop, coupon) == (2, 2)
    # Below what was used, nobody gets it any more, and nothing breaks.
    assert ok(clerk.patch(path, {"usage_limit": 1}, If_Match="*"))["used"] == 2
    ok(reader.post(f"/orders/{orders[1]}/cancel", {}))
    assert counted(shop, coupon) == (1, 1)
    # Without the limit it is counted, too.
    assert ok(clerk.patch(path, {"usage_limit": None}, If_Match="*"))["used"] == 1
    ok(reader.delete("/cart"))
    buy(reader, book, "TEN")
    assert ok(clerk.get(path))["used"] == 2
    assert ok(clerk.patch(path, {"usage_limit": 5}, If_Match="*"))["used"] == 2
    assert counted(shop, coupon) == (2, 2)


def test_cancelling_gives_it_back_once(shop: Flask, reader: Client, clerk: Client) -> None:
    coupon, book = new_coupon(shop, "ONCE", usage_limit=1, per_user_limit=1), new_book(shop)
    order = buy(reader, book, "ONCE")
    assert counted(shop, coupon) == (1, 1)
    ok(clerk.post(f"/orders/{order}/status", {"status": "cancelled"}))
    assert counted(shop, coupon) == (0, 0)
    problem(reader.post(f"/orders/{order}/cancel", {}), 409, "invalid_transition")
    assert counted(shop, coupon) == (0, 0)
    buy(reader, book, "ONCE")
    assert counted(shop, coupon) == (1, 1)


def test_it_runs_out_between_cart_and_order(shop: Flask, reader: Client) -> None:
    coupon, book = new_coupon(shop, "LAST", "50", usage_limit=1), new_book(shop, price=1000)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    ok(reader.put("/cart/coupon", {"code": "LAST"}))
    seen = ok(reader.post("/cart/quote", {"shipping_address": ADDRESS}))
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(Coupon).where(Coupon.id == coupon).values(used=1))
    body = problem(
        reader.post("/orders", {**ORDER, "expected_total": seen["total"]}), 409, "total_changed"
    )
    assert body["expected_total"] == seen["total"]
    assert float(body["total_amount"]) == float(seen["total"]) + 5
    body = problem(reader.post("/orders", ORDER), 422, "coupon_invalid")
    assert (body["reason"], body["coupon"]) == ("used_up", "LAST")
    cart = ok(reader.get("/cart"))
    assert (cart["total_items"], cart["coupon"]["reason"]) == (1, "used_up")
    assert ok(reader.get("/orders"))["data"] == []
    with shop.app_context():
        assert coupon_records.get(SYSTEM, coupon).used == 1
        assert db.session.scalar(select(func.count()).select_from(CouponRedemption)) == 0
    # Who agrees to the new total gets the order, without the discount.
    placed = reader.post("/orders", {**ORDER, "expected_total": total(reader)})
    assert ok(placed, 201)["discounts"] == []
