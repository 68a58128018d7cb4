"""A forgotten password: the mail, its link, and what the link is good for."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.models import Email, User
from bookstore.services import accounts, password_reset, vault
from bookstore.services.emails import EmailChannel
from bookstore.unit_of_work import unit_of_work
from tests.api.v2.conftest import ANN, LOGIN
from tests.clients import Client, at_once, ok, problem
from tests.services.draining import drain

NEW = "another password for tests"


@pytest.fixture
def outbox(shop: Flask, tmp_path: Path) -> Any:
    """Return a function that sends what is due and returns the tokens of all mails so far."""

    def tokens() -> list[str]:
        with shop.app_context():
            drain(EmailChannel(replace(settings(), bookstore_home=tmp_path)))
        texts = [path.read_bytes() for path in sorted((tmp_path / "mail").glob("*.eml"))]
        joined = [text.decode().replace("=\r\n", "").replace("=3D", "=") for text in texts]
        found = [re.search(r"/reset-password#(\S+)", text) for text in joined]
        return [match[1] for match in found if match]

    return tokens


def ask(client: Client, email: str = ANN["email"]) -> None:
    answer = client.post("/auth/password-reset", {"email": email})
    assert (answer.status_code, answer.data) == (202, b"")


def confirm(client: Client, token: str, password: str = NEW) -> Any:
    return client.post("/auth/password-reset/confirm", {"token": token, "password": password})


def refused(client: Client, token: str) -> None:
    found = problem(confirm(client, token, "a third password"), 422, "reset_token_invalid")
    assert set(found["errors"]) == {"token"}


def count_mails(shop: Flask) -> int:
    with shop.app_context():
        resets = select(func.count()).where(Email.template == password_reset.TEMPLATE)
        return db.session.scalar(resets) or 0


def test_the_link_sets_a_password_once_and_ends_every_login(
    client: Client, ann: dict[str, Any], outbox: Any
) -> None:
    ask(client, "ANN@Example.com")
    [token] = outbox()
    assert confirm(client, token).status_code == 204
    problem(client.with_token(ann["access"]).get("/me"), 401, "token_revoked")
    problem(client.post("/auth/token/refresh", {"refresh": ann["refresh"]}), 401, "token_revoked")
    problem(client.post("/auth/token", LOGIN), 401, "bad_credentials")
    ok(client.post("/auth/token", {**LOGIN, "password": NEW}))
    refused(client, token)
    ok(client.post("/auth/token", {**LOGIN, "password": NEW}))


def test_the_answer_says_nothing_about_accounts(
    client: Client, shop: Flask, ann: dict[str, Any]
) -> None:
    me = client.with_token(ann["access"])
    ask(client, "nobody@example.com")
    assert count_mails(shop) == 0
    assert me.delete("/me").status_code == 204
    ask(client)
    assert count_mails(shop) == 0


def test_one_mail_a_minute(client: Client, shop: Flask, ann: dict[str, Any]) -> None:
    answers = at_once([lambda: ask(Client(shop))] * 6)
    assert len(answers) == 6
    assert count_mails(shop) == 1
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(Email).values(created_at=clock.now() - timedelta(seconds=61)))
    ask(client)
    assert count_mails(shop) == 2


def test_each_change_of_the_account_kills_the_link(
    client: Client, shop: Flask, ann: dict[str, Any], outbox: Any
) -> None:
    me = client.with_token(ann["access"])
    ask(client)
    [first] = outbox()
    ok(me.patch("/me", {"email": "new@example.com", "current_password": LOGIN["password"]}))
    refused(client, first)
    ask(client, "new@example.com")  # within the minute: the first mail counts
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(Email).values(created_at=clock.now() - timedelta(hours=1)))
    ask(client, "new@example.com")
    second = outbox()[-1]
    assert second != first
    ok(me.patch("/me", {"password": NEW, "current_password": LOGIN["password"]}))
    refused(client, second)
    assert me.delete("/me").status_code == 204
    refused(client, second)


def test_the_link_is_good_for_an_hour(
    client: Client,
    shop: Flask,
    ann: dict[str, Any],
    outbox: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask(client)
    [token] = outbox()
    now = clock.now
    with monkeypatch.context() as later:
        later.setattr(clock, "now", lambda: now() + timedelta(minutes=60, seconds=1))
        refused(client, token)
        later.setattr(clock, "now", lambda: now() + timedelta(minutes=59))
        assert confirm(client, token).status_code == 204


def test_of_two_at_once_one_wins(
    client: Client, shop: Flask, ann: dict[str, Any], outbox: Any
) -> None:
    ask(client)
    [token] = outbox()
    passwords = [f"password number {n}" for n in range(4)]
    answers = at_once([lambda p=p: confirm(Client(shop), token, p) for p in passwords])
    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]
    winner = passwords[[answer.status_code for answer in answers].index(204)]
    ok(client.post("/auth/token", {**LOGIN, "password": winner}))


def test_tokens_that_are_none(client: Client, shop: Flask, ann: dict[str, Any]) -> None:
    with shop.app_context():
        other = vault.seal("whsec_something").decode()
        listed = vault.seal('["another purpose", 1, "2999-01-01T00:00:00+00:00", ""]').decode()
        forged = vault.seal('["password reset", 1, "2999-01-01T00:00:00+00:00", ""]').decode()
        short = vault.seal('["password reset"]').decode()
        naive = vault.seal('["password reset", 1, "2999-01-01T00:00:00", ""]').decode()
    for token in ("", "junk", "é", "x" * 1000, ann["access"][:1000], other, listed, forged):
        refused(client, token)
    for token in (short, naive, other[:-2], other[1:]):
        refused(client, token)
    ok(client.post("/auth/token", LOGIN))


def test_the_new_password_follows_the_rules(
    client: Client, ann: dict[str, Any], outbox: Any
) -> None:
    ask(client)
    [token] = outbox()
    found = problem(confirm(client, token, "short"), 422, "validation_failed")
    assert set(found["errors"]) == {"password"}
    for bad in ("password123", "ann@example.com"):
        found = problem(confirm(client, token, bad), 422, "validation_failed")
        assert set(found["errors"]) == {"password"}
    assert confirm(client, token).status_code == 204


def test_the_token_is_stored_nowhere(
    client: Client, shop: Flask, ann: dict[str, Any], outbox: Any
) -> None:
    ask(client)
    [token] = outbox()
    with shop.app_context():
        resets = select(Email).where(Email.template == password_reset.TEMPLATE)
        row = db.session.scalars(resets).one()
        assert (row.data, row.status) == ({}, "succeeded")
        assert accounts.find("ann").password_hash not in token
        assert db.session.scalars(select(User)).one().password_hash.startswith("$argon2id$")
