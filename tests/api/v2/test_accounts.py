"""Accounts and one's own data."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore.models import User
from bookstore.services import accounts
from bookstore.unit_of_work import unit_of_work
from tests.api.v2.conftest import ANN, LOGIN
from tests.clients import ADDRESS, Client, at_once, ok, problem
from tests.factories import PASSWORD, log_in, make_book, make_user


# -- accounts -----------------------------------------------------------------------------------
def test_register_answers_the_account_without_its_password(client: Client) -> None:
    names = {"first_name": " Ann ", "last_name": "Reader"}
    user = ok(client.post("/auth/register", {**ANN, **names}), 201)
    assert user["username"] == "ann"
    assert user["first_name"] == "Ann"
    assert user["is_staff"] is user["is_premium"] is False
    assert user["created_at"].endswith("Z")
    assert not any("password" in name for name in user)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": "other@example.com"}, "username_taken"),
        ({"email": "other@example.com", "username": "ANN"}, "username_taken"),
        ({"username": "bob"}, "email_taken"),
        ({"username": "bob", "email": "ANN@Example.COM"}, "email_taken"),
    ],
)
def test_names_and_emails_are_taken_in_any_case(
    client: Client, ann: dict[str, Any], changes: dict[str, str], code: str
) -> None:
    problem(client.post("/auth/register", {**ANN, **changes}), 409, code)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "ab"),
        ("username", "a" * 65),
        ("username", "ann reader"),
        ("username", "ann\n"),
        ("username", "deleted:1"),
        ("username", "ﬄ" * 64),  # three letters each, when compared without case
        ("username", "a\0nn"),
        ("email", "ann"),
        ("email", "ann@"),
        ("email", "a@b@example.com"),
        ("email", "x" * 250 + "@example.com"),
        ("email", "ann@example.com\n"),
        ("password", "short"),
        ("password", "12345678"),
        ("password", "x" * 257),
        ("first_name", "x" * 101),
        ("is_staff", True),
    ],
)
def test_bad_accounts_name_the_field(client: Client, field: str, value: Any) -> None:
    body = problem(client.post("/auth/register", {**ANN, field: value}), 422, "validation_failed")
    assert set(body["errors"]) == {field}


def test_two_who_want_one_name_at_once(client: Client) -> None:
    def ask(number: int) -> int:
        body = {**ANN, "email": f"ann{number}@example.com"}
        return Client(client.app).post("/auth/register", body).status_code

    assert sorted(at_once([lambda n=n: ask(n) for n in range(4)])) == [201, 409, 409, 409]


@pytest.mark.parametrize("name", ["ann", "ANN", "nobody"])
def test_a_wrong_password_looks_like_an_unknown_user(
    client: Client, ann: dict[str, Any], name: str
) -> None:
    answer = client.post("/auth/token", {"username": name, "password": "not the password"})
    body = problem(answer, 401, "bad_credentials")
    assert name not in body["detail"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_tokens_are_not_cached(client: Client, ann: dict[str, Any]) -> None:
    answer = client.post("/auth/token", LOGIN)
    assert ok(answer)["token_type"] == "Bearer"
    assert answer.get_json()["expires_in"] == 3600
    assert "no-store" in answer.headers["Cache-Control"]


# -- one's own account --------------------------------------------------------------------------
def test_changing_the_profile(client: Client, ann: dict[str, Any]) -> None:
    me = client.with_token(ann["access"])
    changed = ok(me.patch("/me", {"username": "Anna", "first_name": "Anna"}))
    assert (changed["username"], changed["first_name"]) == ("Anna", "Anna")
    assert ok(me.get("/me")) == changed
    ok(client.post("/auth/token", {"username": "anna", "password": PASSWORD}))
    ok(client.post("/auth/register", {**ANN, "username": "bob", "email": "b@example.com"}), 201)
    problem(me.patch("/me", {"username": "BOB"}), 409, "username_taken")
    taken = {"email": "B@example.com", "current_password": PASSWORD}
    problem(me.patch("/me", taken), 409, "email_taken")
    for secret in ({"email": "new@example.com"}, {"password": "another password"}):
        for given in ({}, {"current_password": "not it"}):
            body = problem(me.patch("/me", {**secret, **given}), 422, "validation_failed")
            assert set(body["errors"]) == {"current_password"}
    email = {"email": "new@example.com", "current_password": PASSWORD}
    assert ok(me.patch("/me", email))["email"] == "new@example.com"


def test_a_new_password_ends_the_other_logins(client: Client, ann: dict[str, Any]) -> None:
    other = ok(client.post("/auth/token", LOGIN))
    me = client.with_token(ann["access"])
    ok(me.patch("/me", {"password": "a better password", "current_password": PASSWORD}))
    ok(me.get("/me"))
    ok(client.post("/auth/token/refresh", {"refresh": ann["refresh"]}))
    problem(client.with_token(other["access"]).get("/me"), 401, "token_revoked")
    problem(client.post("/auth/token", LOGIN), 401, "bad_credentials")
    ok(client.post("/auth/token", {**LOGIN, "password": "a better password"}))


def test_a_deleted_account_is_gone_at_once_and_its_orders_stay(
    shop: Flask, client: Client, ann: dict[str, Any]
) -> None:
    with shop.app_context():
        book = make_book(stock=5)
        clerk = log_in(shop, make_user(is_staff=True))
    me = client.with_token(ann["access"])
    ok(me.post("/cart/items", {"book_id": book.id}), 201)
    order = ok(me.post("/orders", {"shipping_address": ADDRESS}), 201)
    assert me.delete("/me").status_code == 204
    problem(me.get("/me"), 401, "token_revoked")
    problem(client.post("/auth/token/refresh", {"refresh": ann["refresh"]}), 401, "token_revoked")
    problem(client.post("/auth/token", LOGIN), 401, "bad_credentials")
    assert ok(clerk.get(f"/orders/{order['id']}"))["total_amount"] == order["total_amount"]
    ok(client.post("/auth/register", ANN), 201)  # the name is free again


def test_a_demoted_clerk_is_refused_at_once(shop: Flask) -> None:
    with shop.app_context():
        clerk = make_user("clerk", is_staff=True)
        chief = log_in(shop, clerk)
        ok(chief.get("/reports/sales"))
        accounts.promote("clerk", is_staff=False)
    problem(chief.get("/reports/sales"), 403, "forbidden")
    assert ok(chief.get("/me"))["is_staff"] is False
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(User).where(User.id == clerk.id).values(is_active=False))
    problem(chief.get("/me"), 401, "token_revoked")


def test_export_has_everything_and_nothing_of_others(
    shop: Flask, client: Client, ann: dict[str, Any]
) -> None:
    with shop.app_context():
        book, wanted = make_book(price=1250), make_book()
        bob = log_in(shop, make_user("bob"))
    me = client.with_token(ann["access"])
    for person in (me, bob):
        ok(person.post("/cart/items", {"book_id": book.id}), 201)
        ok(person.post("/orders", {"shipping_address": ADDRESS}), 201)
        ok(person.post(f"/books/{book.id}/reviews", {"rating": 4}), 201)
        ok(person.post("/cart/items", {"book_id": book.id, "quantity": 2}), 201)
        ok(person.post("/wishlist/items", {"book_id": wanted.id, "notes": "soon"}), 201)
    found = ok(me.get("/me/export"))
    assert found["user"] == ok(me.get("/me"))
    assert found["orders"] == ok(me.get("/orders"))["data"]
    assert [review["user"] for review in found["reviews"]] == ["ann"]
    assert found["cart"] == ok(me.get("/cart"))["items"]
    assert found["cart"][0]["line_total"] == "25.00"
    assert found["wishlist"] == ok(me.get("/wishlist"))["items"]


def test_an_empty_export(client: Client, ann: dict[str, Any]) -> None:
    found = ok(client.with_token(ann["access"]).get("/me/export"))
    assert [found[name] for name in ("orders", "reviews", "cart", "wishlist")] == [[], [], [], []]
