"""Coupons as staff keeps them."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Coupon, CouponRedemption
from bookstore.services import coupon_editing, coupon_records
from bookstore.services.actors import GUEST, SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import make_category, new_book, new_coupon, reader_and_clerk

ORDER = {"shipping_address": ADDRESS}
TEN = {"code": "TEN", "kind": "percent", "value": "10"}


@pytest.fixture
def people(shop: Flask) -> tuple[Client, Client]:
    return reader_and_clerk(shop)


@pytest.fixture
def reader(people: tuple[Client, Client]) -> Client:
    return people[0]


@pytest.fixture
def clerk(people: tuple[Client, Client]) -> Client:
    return people[1]


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


def test_from_first_to_last(shop: Flask, clerk: Client) -> None:
    answer = clerk.post("/coupons", {"code": " welcome-10 ", "kind": "percent", "value": "12.50"})
    made = ok(answer, 201)
    assert answer.headers["Location"] == f"/api/v2/coupons/{made['id']}"
    assert made.pop("created_at") <= made.pop("updated_at")
    assert made == {
        "id": made["id"],
        "code": "WELCOME-10",
        "kind": "percent",
        "value": "12.5",
        "starts_at": None,
        "ends_at": None,
        "min_subtotal": "0.00",
        "usage_limit": None,
        "per_user_limit": None,
        "category_ids": [],
        "book_ids": [],
        "restricted": False,
        "stackable": False,
        "is_active": True,
        "used": 0,
        "version": 1,
    }
    path = f"/coupons/{made['id']}"
    shown = clerk.get(path)
    assert shown.headers["ETag"] == answer.headers["ETag"]
    with shop.app_context():
        shelves = [make_category(name).id for name in ("Poems", "Plays")]
    book = new_book(shop)
    changes = {
        "code": "spring",
        "kind": "fixed",
        "value": "5.00",
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-02-01T00:00:00+01:00",
        "min_subtotal": "20.00",
        "usage_limit": 10,
        "per_user_limit": 1,
        "category_ids": [*reversed(shelves), shelves[0]],
        "book_ids": [book],
        "stackable": True,
        "is_active": False,
    }
    patched = clerk.patch(path, changes, If_Match=shown.headers["ETag"])
    expected = changes | {
        "code": "SPRING",
        "ends_at": "2026-01-31T23:00:00Z",
        "category_ids": shelves,
        "restricted": True,
        "version": 2,
    }
    assert expected.items() <= ok(patched).items()
    assert ok(clerk.get(path)) == ok(patched)
    problem(clerk.patch(path, {}), 428, "precondition_required")
    problem(clerk.patch(path, {}, If_Match=shown.headers["ETag"]), 412, "precondition_failed")
    problem(clerk.delete(path, If_Match=shown.headers["ETag"]), 412, "precondition_failed")
    free = {"kind": "free_shipping", "ends_at": None, "category_ids": [], "book_ids": []}
    freed = ok(clerk.patch(path, free, If_Match="*"))
    assert (freed["kind"], freed["value"], freed["restricted"]) == ("free_shipping", None, False)
    ok(clerk.delete(path), 204)
    problem(clerk.get(path), 404, "not_found")
    problem(clerk.patch(path, {}, If_Match="*"), 404, "not_found")
    problem(clerk.delete(path), 404, "not_found")


def test_pages(clerk: Client) -> None:
    for number in range(5):
        ok(clerk.post("/coupons", {**TEN, "code": f"CODE-{number}"}), 201)
    page = ok(clerk.get("/coupons?limit=3&count=true"))
    assert [coupon["code"] for coupon in page["data"]] == ["CODE-4", "CODE-3", "CODE-2"]
    assert page["total"] == 5
    rest = ok(clerk.get(f"/coupons?limit=3&cursor={page['next_cursor']}"))
    assert [coupon["code"] for coupon in rest["data"]] == ["CODE-1", "CODE-0"]
    assert rest["next_cursor"] is None
    [found] = ok(clerk.get("/coupons?code=code-3"))["data"]
    assert found == ok(clerk.get(f"/coupons/{found['id']}"))
    assert ok(clerk.get("/coupons?code=code"))["data"] == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"code": "AB"}, "code"),
        ({"code": "A" * 41}, "code"),
        ({"code": "TEN %"}, "code"),
        ({"code": "TEN\n1"}, "code"),
        ({"code": "ZEHN\u00c4"}, "code"),
        ({"code": "\u0661\u0662\u0663"}, "code"),
        ({"kind": "half"}, "kind"),
        ({"value": None}, "value"),
        ({"value": "0"}, "value"),
        ({"value": "0.000"}, "value"),
        ({"value": "100.001"}, "value"),
        ({"value": "0.0001"}, "value"),
        ({"value": "-5"}, "value"),
        ({"value": "ten"}, "value"),
        ({"value": 10}, "value"),
        ({"kind": "fixed", "value": "5.001"}, "value"),
        ({"kind": "fixed", "value": "0.00"}, "value"),
        ({"kind": "free_shipping"}, "value"),
        ({"ends_at": "2026-01-01T00:00:00Z", "starts_at": "2026-01-01T00:00:00Z"}, "ends_at"),
        ({"min_subtotal": 5}, "min_subtotal"),
        ({"usage_limit": 0}, "usage_limit"),
        ({"per_user_limit": 2**31}, "per_user_limit"),
        ({"category_ids": [7]}, "category_ids"),
        ({"book_ids": [2**63 - 1]}, "book_ids"),
        ({"book_ids": [0]}, "book_ids.0"),
        ({"used": 1}, "used"),
        ({"stackable": 1}, "stackable"),
    ],
)
def test_what_does_not_fit_is_named(clerk: Client, fields: dict[str, Any], named: str) -> None:
    body = problem(clerk.post("/coupons", {**TEN, **fields}), 422, "validation_failed")
    assert set(body["errors"]) == {named}
    made = ok(clerk.post("/coupons", TEN), 201)
    path = f"/coupons/{made['id']}"
    body = problem(clerk.patch(path, {**TEN, **fields}, If_Match="*"), 422, "validation_failed")
    assert set(body["errors"]) == {named}
    assert ok(clerk.get(path)) == made


def test_a_part_of_it_must_fit_the_rest(clerk: Client) -> None:
    fields = {**TEN, "starts_at": "2026-03-01T00:00:00Z"}
    path = f"/coupons/{ok(clerk.post('/coupons', fields), 201)['id']}"
    for changes, named in (
        ({"kind": "fixed"}, "value"),
        ({"kind": "free_shipping", "value": "1"}, "value"),
        ({"value": "500"}, "value"),
        ({"ends_at": "2026-02-01T00:00:00Z"}, "ends_at"),
    ):
        body = problem(clerk.patch(path, changes, If_Match="*"), 422, "validation_failed")
        assert set(body["errors"]) == {named}
    assert ok(clerk.patch(path, {"kind": "percent", "value": "20"}, If_Match="*"))["value"] == "20"


def test_one_code_is_one_coupon(shop: Flask, clerk: Client) -> None:
    made = ok(clerk.post("/coupons", TEN), 201)
    problem(clerk.post("/coupons", {**TEN, "code": "ten"}), 409, "coupon_taken")
    other = ok(clerk.post("/coupons", {**TEN, "code": "TWENTY"}), 201)
    path = f"/coupons/{other['id']}"
    problem(clerk.patch(path, {"code": "Ten"}, If_Match="*"), 409, "coupon_taken")
    assert ok(clerk.patch(path, {"code": "twenty"}, If_Match="*"))["code"] == "TWENTY"
    assert [c["id"] for c in ok(clerk.get("/coupons"))["data"]] == [other["id"], made["id"]]


def test_it_is_made_once_under_a_key(clerk: Client) -> None:
    first = clerk.post("/coupons", TEN, Idempotency_Key="once")
    again = clerk.post("/coupons", TEN, Idempotency_Key="once")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_only_staff(shop: Flask, client: Client, reader: Client) -> None:
    coupon = new_coupon(shop, "SECRET")
    for asking, status, code in (
        (client, 401, "unauthenticated"),
        (reader, 403, "forbidden"),
    ):
        problem(asking.get("/coupons"), status, code)
        problem(asking.get(f"/coupons/{coupon}"), status, code)
        problem(asking.post("/coupons", TEN), status, code)
        problem(asking.patch(f"/coupons/{coupon}", {}, If_Match="*"), status, code)
        problem(asking.delete(f"/coupons/{coupon}"), status, code)
    with shop.app_context():
        for refused in (
            lambda: coupon_editing.create(GUEST, TEN),
            lambda: coupon_editing.update(GUEST, coupon, {}),
            lambda: coupon_editing.remove(GUEST, coupon),
            lambda: coupon_records.get(GUEST, coupon),
        ):
            with pytest.raises(errors.Forbidden):
                refused()


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
    # Nobody counts, yet it is known.
    assert counted(shop, coupon) == (0, 2)
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
    # Without the limit it goes on uncounted, and is counted again with the next.
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
    placed = reader.post("/orders", {**ORDER, "expected_total": body_total(reader)})
    assert ok(placed, 201)["discounts"] == []


def body_total(reader: Client) -> str:
    """Return what the cart costs now."""
    return str(ok(reader.post("/cart/quote", {"shipping_address": ADDRESS}))["total"])
