"""Coupons as staff keeps them."""

from typing import Any

import pytest
from flask import Flask

from bookstore import errors
from bookstore.services import coupon_editing, coupon_records
from bookstore.services.actors import GUEST
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import make_category, new_book, new_coupon

ORDER = {"shipping_address": ADDRESS}
TEN = {"code": "TEN", "kind": "percent", "value": "10"}


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
