"""Tax rates: kept by staff, seen in quotes and orders."""

from typing import Any

import pytest
from flask import Flask

from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import new_book

PATH = "/tax-rates"
TEXAN = {**ADDRESS, "country": "US", "region": "TX"}


def make(clerk: Client, country: str = "US", percent: str = "8.25", **more: Any) -> dict[str, Any]:
    """Make a rate over HTTP."""
    return dict(ok(clerk.post(PATH, {"country": country, "percent": percent, **more}), 201))


def quote(client: Client, address: dict[str, str], **more: Any) -> dict[str, Any]:
    """Price the client's cart."""
    return dict(ok(client.post("/cart/quote", {"shipping_address": address, **more})))


def test_a_new_shop_knows_value_added_tax(clerk: Client) -> None:
    found = ok(clerk.get(f"{PATH}?country=DE"))["data"]
    told = [(row["category"], row["percent"], row["inclusive"], row["region"]) for row in found]
    assert told == [("books", "7", True, ""), ("", "19", True, "")]


def test_made_read_changed_removed(clerk: Client) -> None:
    answer = clerk.post(PATH, {"country": "US", "region": " Texas ", "percent": "8.250"})
    made = ok(answer, 201)
    path = f"{PATH}/{made['id']}"
    assert answer.headers["Location"] == f"/api/v2{path}"
    expected = {
        "country": "US", "region": "Texas", "category": "", "percent": "8.25", "inclusive": True,
        "version": 1,
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    read = clerk.get(path)
    assert ok(read) == made
    assert read.headers["ETag"] == answer.headers["ETag"]
    assert clerk.get(path, If_None_Match=read.headers["ETag"]).status_code == 304
    changes = {"percent": "0.001", "inclusive": False, "category": "books", "region": "TX"}
    changed = clerk.patch(path, changes, If_Match=read.headers["ETag"])
    assert ok(changed) == ok(clerk.get(path))
    assert {**ok(changed), "updated_at": ""} == {**made, **changes, "version": 2, "updated_at": ""}
    problem(clerk.patch(path, {"percent": "1"}), 428, "precondition_required")
    stale = {"If_Match": read.headers["ETag"]}
    problem(clerk.patch(path, {"percent": "1"}, **stale), 412, "precondition_failed")
    problem(clerk.delete(path, **stale), 412, "precondition_failed")
    assert clerk.delete(path).status_code == 204
    for gone in (clerk.get(path), clerk.delete(path), clerk.patch(path, {}, If_Match="*")):
        problem(gone, 404, "not_found")
    make(clerk, region="TX", category="books")


def test_only_staff_sees_and_writes(client: Client, reader: Client, clerk: Client) -> None:
    path = f"{PATH}/{make(clerk)['id']}"
    for asking, status, code in ((client, 401, "unauthenticated"), (reader, 403, "forbidden")):
        problem(asking.get(PATH), status, code)
        problem(asking.get(path), status, code)
        problem(asking.post(PATH, {"country": "FR", "percent": "1"}), status, code)
        problem(asking.patch(path, {}, If_Match="*"), status, code)
        problem(asking.delete(path), status, code)


def test_one_rate_for_a_place_and_class(clerk: Client) -> None:
    first = make(clerk, region="Texas")
    for body in ({"region": "Texas"}, {"region": "tEXAS"}, {"region": "TEXAS", "inclusive": False}):
        refused = clerk.post(PATH, {"country": "US", "percent": "1", **body})
        problem(refused, 409, "tax_rate_taken")
    second = make(clerk, region="Texas", category="books")
    third = make(clerk)
    for row, changes in (
        (second, {"category": ""}),
        (third, {"region": "texas"}),
        (second, {"category": "", "region": " TEXAS"}),
    ):
        path = f"{PATH}/{row['id']}"
        problem(clerk.patch(path, changes, If_Match="*"), 409, "tax_rate_taken")
        assert ok(clerk.get(path)) == row
    # Its own place is no other's.
    path = f"{PATH}/{first['id']}"
    assert ok(clerk.patch(path, {"region": "TEXAS"}, If_Match="*"))["region"] == "TEXAS"


def test_pages_by_country(clerk: Client) -> None:
    make(clerk, "AD")
    whole = ok(clerk.get(f"{PATH}?limit=100&count=true"))
    assert whole["total"] == len(whole["data"]) > 50
    countries = [row["country"] for row in whole["data"]]
    assert countries == sorted(countries)
    found: list[dict[str, Any]] = []
    path = f"{PATH}?limit=7"
    while path:
        body = ok(clerk.get(path))
        found += body["data"]
        cursor = body["next_cursor"]
        path = f"{PATH}?limit=7&cursor={cursor}" if cursor else ""
    assert found == whole["data"]
    for bad in ("country=de", "country=", "country=EL", "limit=0", "cursor=x", "region=TX"):
        body = problem(clerk.get(f"{PATH}?{bad}"), 422, "validation_failed")
        assert set(body["errors"]) == {bad.partition("=")[0]}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"country": "us"}, "country"),
    ({"country": "USA"}, "country"),
    ({"country": "EL"}, "country"),
    ({"country": None}, "country"),
    ({"region": None}, "region"),
    ({"region": "x" * 101}, "region"),
    ({"region": "a\0"}, "region"),
    ({"category": "Books"}, "category"),
    ({"category": "e-books"}, "category"),
    ({"category": "x" * 41}, "category"),
    ({"category": "books\n"}, "category"),
    ({"percent": 7}, "percent"),
    ({"percent": "7%"}, "percent"),
    ({"percent": "-1"}, "percent"),
    ({"percent": "100.001"}, "percent"),
    ({"percent": "1.0001"}, "percent"),
    ({"percent": ""}, "percent"),
    ({"percent": None}, "percent"),
    ({"inclusive": "yes"}, "inclusive"),
    ({"inclusive": None}, "inclusive"),
    ({"id": 7}, "id"),
]


def test_bad_input_names_the_field(clerk: Client) -> None:
    path = f"{PATH}/{make(clerk)['id']}"
    good = {"country": "US", "region": "TX", "percent": "8.25"}
    for changes, field in BAD:
        for refused in (
            clerk.post(PATH, {**good, **changes}),
            clerk.patch(path, changes, If_Match="*"),
        ):
            body = problem(refused, 422, "validation_failed")
            assert list(body["errors"]) == [field], (changes, body)
    for missing in ("country", "percent"):
        sent = {name: value for name, value in good.items() if name != missing}
        body = problem(clerk.post(PATH, sent), 422, "validation_failed")
        assert list(body["errors"]) == [missing]


# -- what they do -------------------------------------------------------------------------------
@pytest.fixture
def book(shop: Flask, reader: Client) -> int:
    """A book for 10.00, once in the reader's cart."""
    which = new_book(shop, price=1000, stock=5)
    ok(reader.post("/cart/items", {"book_id": which}), 201)
    return which


def test_tax_that_prices_contain_and_tax_on_top(reader: Client, clerk: Client, book: int) -> None:
    german = quote(reader, {**ADDRESS, "country": "DE"})
    # Books have their own rate; delivery has the general one, 4.99 × 19 / 119.
    assert german["tax_lines"] == [
        {"percent": "19", "inclusive": True, "base": "4.19", "tax": "0.80"},
        {"percent": "7", "inclusive": True, "base": "9.35", "tax": "0.65"},
    ]
    assert (german["tax"], german["tax_included"], german["total"]) == ("0.00", "1.45", "14.99")
    untaxed = quote(reader, TEXAN)
    assert (untaxed["tax"], untaxed["tax_lines"], untaxed["total"]) == ("0.00", [], "14.99")
    make(clerk, percent="6.25", inclusive=False)
    make(clerk, region="tx", percent="8.25", inclusive=False)
    texan, other = quote(reader, TEXAN), quote(reader, {**TEXAN, "region": "CA"})
    # 14.99 × 8.25 % is 1.236675, × 6.25 % is 0.936875.
    assert (texan["tax"], texan["total"]) == ("1.24", "16.23")
    assert (other["tax"], other["total"]) == ("0.94", "15.93")
    make(clerk, category="shipping", region="TX", percent="0", inclusive=False)
    assert quote(reader, TEXAN)["tax"] == "0.83"
    ok(clerk.patch(f"/books/{book}", {"tax_category": "maps"}, If_Match="*"))
    make(clerk, category="maps", region="TX", percent="1", inclusive=False)
    assert quote(reader, TEXAN)["tax"] == "0.10"


@pytest.mark.parametrize("change", ["percent", "inclusive", "gone", "new"])
def test_a_change_after_the_quote_is_not_charged_silently(
    reader: Client, clerk: Client, book: int, change: str
) -> None:
    rate = make(clerk, percent="10", inclusive=False)
    path = f"{PATH}/{rate['id']}"
    seen = quote(reader, TEXAN)["total"]
    assert seen == "16.49"
    order = {"shipping_address": TEXAN, "expected_total": seen}
    kept = ok(reader.post("/orders", order), 201)
    assert (kept["tax"], kept["total_amount"]) == ("1.50", seen)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    if change == "gone":
        assert clerk.delete(path).status_code == 204
    elif change == "new":
        make(clerk, region="TX", percent="20", inclusive=False)
    else:
        changes = {"percent": {"percent": "10.1"}, "inclusive": {"inclusive": True}}
        ok(clerk.patch(path, changes[change], If_Match="*"))
    body = problem(reader.post("/orders", order), 409, "total_changed")
    totals = {"percent": "16.50", "inclusive": "14.99", "gone": "14.99", "new": "17.99"}
    assert (body["expected_total"], body["total_amount"]) == (seen, totals[change])
    # Nothing was taken, and what was ordered before stays as it was.
    assert ok(reader.get("/cart"))["total_items"] == 1
    assert ok(clerk.get(f"/books/{book}"))["stock"] == 4
    assert ok(reader.get(f"/orders/{kept['id']}")) == kept
    assert quote(reader, TEXAN)["total"] == totals[change]
    again = {**order, "expected_total": totals[change]}
    assert ok(reader.post("/orders", again), 201)["total_amount"] == totals[change]
