"""A password takes a while to check; what it opened must not outlive it."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import LoginSession, User
from bookstore.services import attempts, password_reset
from tests.api.v2.conftest import LOGIN
from tests.clients import Client, at_once, ok, problem
from tests.factories import PASSWORD
from tests.limiting import Limits

NEW = "another password of mine"


def logins_during(shop: Flask, change: Any) -> list[str]:
    """Return the access tokens of logins that were on their way during a change."""

    def log_in() -> Any:
        return Client(shop).post("/auth/token", LOGIN)

    *answers, changed = at_once([log_in] * 3 + [change])
    assert changed.status_code in {200, 204}
    return [ok(answer)["access"] for answer in answers if answer.status_code == 200]


def test_a_new_password_ends_logins_on_their_way(
    shop: Flask, client: Client, ann: dict[str, Any]
) -> None:
    me = client.with_token(ann["access"])
    body = {"password": NEW, "current_password": PASSWORD}
    for token in logins_during(shop, lambda: me.patch("/me", body)):
        problem(client.with_token(token).get("/me"), 401, "token_revoked")
    problem(client.post("/auth/token", LOGIN), 401, "bad_credentials")
    ok(client.post("/auth/token", {**LOGIN, "password": NEW}))


def test_of_a_deleted_account_no_login_on_its_way_is_left(
    shop: Flask, client: Client, ann: dict[str, Any]
) -> None:
    logins_during(shop, lambda: client.with_token(ann["access"]).delete("/me"))
    with shop.app_context():
        held = db.session.scalars(select(LoginSession)).all()
        assert [(one.user_agent, one.address) for one in held] == [("", None)] * len(held)
        assert all(one.revoked_at for one in held)


def test_who_knows_the_old_password_cannot_overtake_a_reset(
    shop: Flask, client: Client, ann: dict[str, Any]
) -> None:
    me = client.with_token(ann["access"])
    with shop.app_context():
        token = password_reset.make_token(db.session.scalars(select(User)).one())
    theirs = "a password of a thief"
    reset, changed = at_once(
        [
            lambda: client.post("/auth/password-reset/confirm", {"token": token, "password": NEW}),
            lambda: me.patch("/me", {"password": theirs, "current_password": PASSWORD}),
        ]
    )
    # One of them, and whoever is told so is right.
    assert (reset.status_code == 204) != (changed.status_code == 200)
    now, never = (NEW, theirs) if reset.status_code == 204 else (theirs, NEW)
    ok(client.post("/auth/token", {**LOGIN, "password": now}))
    problem(client.post("/auth/token", {**LOGIN, "password": never}), 401, "bad_credentials")


@pytest.mark.parametrize("database", ["sqlite"])
def test_who_is_logged_in_cannot_guess_on(
    shop: Flask, client: Client, ann: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    me = client.with_token(ann["access"])
    good = {"email": "new@example.com", "current_password": PASSWORD}
    for number in range(5):
        guess = {**good, "current_password": f"guess {number}"}
        problem(me.patch("/me", guess), 422, "validation_failed")
    problem(me.patch("/me", good), 429, "rate_limited")
    ok(me.patch("/me", {"first_name": "Ann"}))
    ok(client.post("/auth/token", LOGIN))  # counted apart
    with shop.app_context():
        attempts.succeeded("proof", str(ok(me.get("/me"))["id"]))
    ok(me.patch("/me", good))
    Limits(shop, monkeypatch)(login="2/minute")
    statuses = [me.patch("/me", good).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
