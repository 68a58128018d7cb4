"""The audit log: each act of staff is in it, by whatever door, and nothing else."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.routing import Rule

from bookstore import auditing, clock
from bookstore.extensions import db
from bookstore.graphql import auditing as graphql_auditing
from bookstore.graphql.mutations import Mutation
from bookstore.models import AuditEntry
from bookstore.unit_of_work import unit_of_work
from tests.api.v2.operations import REQUIRED, everything
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import PASSWORD, log_in, make_user, new_book
from tests.fakes.stripe import FakeStripe
from tests.paying import paid, place
from tests.shells import opened

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
# Staff routes whose success the walk below cannot see.
EXPLAINED = {
    "covers.offer": "hands out a form for the store; the shop writes when it is completed",
    "covers.complete": "needs a file in the store; what it writes is a row like any other",
    "payments.refund": "needs a payment: test_a_refund",
    "price_updates.apply": "needs a file that was read: tests/api/v2/test_price_updates",
    "price_updates.undo": "needs one that was applied: the same",
    "totp.confirm": "needs the code of the secret: test_what_staff_does_with_the_own_account",
}
BODIES = {
    "catalog.update_book": {"price": "12.00"},
    "coupons.update_coupon": {"is_active": False},
    "shipping.update_method": {"price": "2.00"},
    "taxes.update_rate": {"percent": "2"},
    "webhooks.change_endpoint": {"description": "ours"},
    "v1_catalog.update_book": {"price": "12.00"},
}
_numbers = count(1)


def entries(shop: Flask) -> list[AuditEntry]:
    with shop.app_context():
        return list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def told(entry: AuditEntry) -> tuple[str, Any]:
    return entry.action, entry.target and (entry.target["kind"], entry.target["id"])


def staff_writes(shop: Flask) -> Iterator[tuple[Rule, str]]:
    """Yield (route, method) of what only staff may do; what removes comes last."""
    found = [
        (rule, method)
        for rule in shop.url_map.iter_rules()
        for method in (rule.methods or set()) & WRITES
        if getattr(shop.view_functions[rule.endpoint], "access", None) == "staff"
        # Of the console's pages tests/console has what is noted.
        and not rule.endpoint.startswith("console.")
    ]
    yield from sorted(found, key=lambda each: (each[1] == "DELETE", each[0].rule, each[1]))


def body_of(rule: Rule, method: str) -> Any:
    """Return what a route takes, under a name of its own."""
    if rule.endpoint in BODIES:
        return BODIES[rule.endpoint]
    path = rule.rule.split("/", 3)[3].rstrip("/").replace("<id:", "{").replace(">", "}")
    if method in {"PUT", "PATCH"}:
        path, method = path.partition("/")[0], "POST"
    body = dict(REQUIRED.get(f"{method} /{path}", {}))
    names = {"name", "last_name", "title"} & set(body)
    return {**body, **{name: f"Name {next(_numbers)}" for name in names}} or None


def removable(clerk: Client, rule: Rule) -> int:
    """Return the id of something that nothing else needs."""
    path = rule.rule.split("/")[3]
    if path not in {"books", "authors", "categories", "publishers"}:
        return 1
    body = {**REQUIRED[f"POST /{path}"], "title": "Gone", "name": f"Gone {next(_numbers)}"}
    wanted = REQUIRED[f"POST /{path}"].keys()
    return int(ok(clerk.post(f"/{path}", {name: body[name] for name in wanted}), 201)["id"])


def test_each_write_of_staff_is_noted(shop: Flask) -> None:
    clerk = everything(shop)
    wrong: dict[str, Any] = {}
    seen = set()
    routes = list(staff_writes(shop))
    numbers = [removable(clerk, rule) if method == "DELETE" else 1 for rule, method in routes]
    for (rule, method), number in zip(routes, numbers, strict=True):
        url = rule.rule
        for parameter in rule.arguments:
            url = url.replace(f"<id:{parameter}>", str(number))
        before = len(entries(shop))
        answer = clerk.call(method, url, body_of(rule, method), If_Match="*")
        new = [(one.action, one.actor, one.request_id) for one in entries(shop)[before:]]
        expected = [(rule.endpoint, "staff:1", answer.headers["X-Request-ID"])]
        if answer.status_code >= 400 or rule.endpoint == "covers.offer":
            expected = []
        if new != expected:
            wrong[rule.endpoint] = (answer.status_code, new)
        if expected:
            seen.add(rule.endpoint)
    assert wrong == {}
    # What was refused here has a reason, and reasons do not outlive their routes.
    assert {rule.endpoint for rule, _ in routes} - seen == set(EXPLAINED)


def test_what_everybody_does_is_named(shop: Flask) -> None:
    # Whatever is on no list is noted, so what is on one must be there.
    known = {rule.endpoint for rule in shop.url_map.iter_rules()}
    assert known >= auditing.AS_CUSTOMER
    mutations = {field.python_name for field in Mutation.__strawberry_definition__.fields}
    assert mutations >= graphql_auditing.AS_CUSTOMER


def test_what_it_is_about(shop: Flask, clerk: Client, reader: Client) -> None:
    author = ok(clerk.post("/authors", {"last_name": "Lem"}), 201)["id"]
    book = ok(clerk.post("/books", {"title": "A", "author_id": author, "price": "9.00"}), 201)["id"]
    ok(clerk.patch(f"/books/{book}", {"price": "10.00", "title": "Secret"}, If_Match="*"))
    ok(reader.post(f"/books/{book}/reviews", {"rating": 1}), 201)
    assert clerk.delete(f"/books/{book}/reviews/1").status_code == 204
    noted = entries(shop)
    assert [told(one) for one in noted] == [
        ("records.create_author", ("author", str(author))),
        ("catalog.create_book", ("book", str(book))),
        ("catalog.update_book", ("book", str(book))),
        ("reviews.delete_review", ("review", "1")),
    ]
    assert noted[2].detail == {"fields": ["price", "title"], "price": "10.00"}
    assert {one.address for one in noted} == {"127.0.0.1"}
    assert "Secret" not in str([one.detail for one in noted])


def test_what_is_refused_or_changes_nothing_is_not_there(
    shop: Flask, clerk: Client, reader: Client
) -> None:
    coupon = REQUIRED["POST /coupons"]
    problem(reader.post("/coupons", coupon), 403, "forbidden")
    problem(clerk.post("/coupons", {**coupon, "value": "x"}), 422, "validation_failed")
    problem(clerk.delete("/coupons/7"), 404, "not_found")
    assert entries(shop) == []
    key = {"Idempotency_Key": "one and the same"}
    for _ in range(2):
        ok(clerk.post("/coupons", coupon, **key), 201)
        taken = clerk.post("/coupons", coupon, Idempotency_Key="another")
        assert taken.status_code == 409
    assert [told(one) for one in entries(shop)] == [("coupons.create_coupon", ("coupon", "1"))]


def test_customers_are_not_watched_nor_staff_that_buys(
    shop: Flask, clerk: Client, reader: Client
) -> None:
    book = new_book(shop)
    for one in (reader, clerk):
        ok(one.post("/cart/items", {"book_id": book}), 201)
        ok(one.post("/orders", {"shipping_address": ADDRESS}), 201)
        ok(one.post("/wishlist/items", {"book_id": book}), 201)
    ok(reader.post("/orders/1/cancel"))
    assert entries(shop) == []
    ok(clerk.post("/orders/2/cancel"))
    assert [told(one) for one in entries(shop)] == [("orders.cancel", ("order", "2"))]


def test_a_refund(shop: Flask, clerk: Client, fake_stripe: FakeStripe) -> None:
    with shop.app_context():
        order = paid(fake_stripe, place()).id
    ok(clerk.post(f"/orders/{order}/refunds", {"amount": "1.00", "reason": "Ann asked"}), 201)
    [noted] = entries(shop)
    assert told(noted) == ("payments.refund", ("order", str(order)))
    assert noted.detail == {"fields": ["amount", "reason"], "amount": "1.00"}


def test_mutations(shop: Flask, clerk: Client, reader: Client) -> None:
    book = new_book(shop)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)

    def run(client: Client, text: str) -> Any:
        return ok(client.post("/graphql/", {"query": f"mutation {{ {text} }}"}))

    advance = 'advanceOrder(id: 1, status: "{}") {{ order {{ status }} }}'
    assert "errors" in run(reader, advance.format("processing"))
    assert "errors" in run(clerk, advance.format("delivered"))
    assert "errors" not in run(clerk, f"addToCart(bookId: {book}) {{ cart {{ subtotal }} }}")
    both = f"a: {advance.format('processing')} b: {advance.format('shipped')}"
    assert "errors" not in run(clerk, both)
    make = 'createBook(title: "B", authorId: 1, price: "5.00") { book { id } }'
    new = run(clerk, make)["data"]["createBook"]["book"]["id"]
    noted = entries(shop)
    assert [told(one) for one in noted] == [
        ("graphql.advance_order", ("order", "1")),
        ("graphql.advance_order", ("order", "1")),
        ("graphql.create_book", ("book", str(new))),
    ]
    assert [one.detail.get("status") for one in noted[:2]] == ["processing", "shipped"]
    assert {one.address for one in noted} == {"127.0.0.1"}


def test_commands(shop: Flask) -> None:
    run = shop.test_cli_runner().invoke
    make = ["users", "create", "otto", "--email", "otto@example.com", "--password", PASSWORD]
    commands = [
        make,
        ["users", "promote", "otto", "--staff"],
        ["coupons", "create", "TEN", "--percent", "10"],
        ["coupons", "disable", "TEN"],
        ["coupons", "show", "TEN"],
        ["maintenance"],
    ]
    for arguments in commands:
        assert run(args=arguments).exit_code == 0
    assert run(args=make).exit_code == 1
    noted = entries(shop)
    assert [told(one) for one in noted] == [
        ("cli.users.create", ("user", "1")),
        ("cli.users.promote", ("user", "1")),
        ("cli.coupons.create", ("coupon", "1")),
        ("cli.coupons.disable", ("coupon", "1")),
    ]
    assert {one.actor for one in noted} == {"system"}
    words = str([one.detail for one in noted])
    assert "otto" not in words
    assert PASSWORD not in words


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_shell(shop: Flask) -> None:
    with opened(shop) as names:
        names["accounts"].register("otto", "otto@example.com", PASSWORD)
        names["accounts"].promote("otto", is_staff=True)
        names["accounts"].find("otto").first_name = "Otto"
        names["db"].session.commit()
        names["accounts"].find("otto")
        names["db"].session.rollback()
    assert [told(one) for one in entries(shop)] == [("shell", ("user", "1"))] * 3


def test_what_staff_does_with_the_own_account(shop: Flask, clerk: Client) -> None:
    secret = ok(clerk.post("/me/totp"), 201)["secret"]
    code = pyotp.TOTP(secret).at(clock.now())
    ok(clerk.post("/me/totp/confirm", {"code": code}))
    assert clerk.delete("/me").status_code == 204
    noted = entries(shop)
    assert [one.action for one in noted] == ["totp.enrol", "totp.confirm", "accounts.delete_me"]
    assert {one.target_id for one in noted} == {str(noted[0].user_id)}
    assert code not in str([one.detail for one in noted])
    # Who acted is still told, from where is not.
    assert {(one.actor, one.address) for one in noted} == {(f"staff:{noted[0].user_id}", None)}


def test_the_list(shop: Flask, clerk: Client, reader: Client) -> None:
    problem(reader.get("/audit-log"), 403, "forbidden")
    with shop.app_context():
        other = log_in(shop, make_user(is_staff=True))
    ids = [ok(clerk.post("/authors", {"last_name": f"A{n}"}), 201)["id"] for n in range(3)]
    ok(other.patch(f"/authors/{ids[1]}", {"last_name": "B"}, If_Match="*"))
    first = ok(clerk.get("/audit-log?limit=3&count=true"))
    assert first["total"] == 4
    rest = ok(clerk.get(f"/audit-log?limit=3&cursor={first['next_cursor']}"))
    assert [one["id"] for one in first["data"] + rest["data"]] == [4, 3, 2, 1]
    newest = first["data"][0]
    assert newest["target"] == {"kind": "author", "id": str(ids[1])}
    assert newest["detail"] == {"fields": ["last_name"]}
    with shop.app_context(), unit_of_work() as session:
        session.execute(
            update(AuditEntry).where(AuditEntry.id == 1).values(at=clock.now().replace(year=2020))
        )
    for query, wanted in {
        f"actor={newest['actor']}": [4],
        "action=records.create_author": [3, 2, 1],
        "target=author": [4, 3, 2, 1],
        f"target=author:{ids[1]}": [4, 2],
        "target=book": [],
        "until=2021-01-01T00:00:00Z": [1],
        "since=2021-01-01T00:00:00Z&action=records.create_author": [3, 2],
    }.items():
        assert [one["id"] for one in ok(clerk.get(f"/audit-log?{query}"))["data"]] == wanted, query
    problem(clerk.get("/audit-log?since=yesterday"), 422, "validation_failed")
