"""Whether an address is its user's: the mail, its link, and what changes it."""

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
from bookstore.models import Email
from bookstore.services.emails import EmailChannel
from bookstore.unit_of_work import unit_of_work
from tests.api.v2.conftest import ANN
from tests.clients import Client, at_once, ok, problem
from tests.services.draining import drain

NEW = {"email": "new@example.com", "current_password": ANN["password"]}


@pytest.fixture
def outbox(shop: Flask, tmp_path: Path) -> Any:
    """Return a function that sends what is due and returns (address, token) of all mails so far."""

    def mails() -> list[tuple[str, str | None]]:
        with shop.app_context():
            drain(EmailChannel(replace(settings(), bookstore_home=tmp_path)))
        texts = [path.read_bytes() for path in sorted((tmp_path / "mail").glob("*.eml"))]
        joined = [text.decode().replace("=\r\n", "").replace("=3D", "=") for text in texts]
        to = [re.search(r"^To:.*?([\w.]+@[\w.]+)", text, re.M) for text in joined]
        links = [re.search(r"/verify-email#([\w=-]+)", text) for text in joined]
        return [
            (sent[1], None if link is None else link[1])
            for sent, link in zip(to, links, strict=True)
            if sent
        ]

    return mails


def verify(client: Client, token: str | None) -> Any:
    return client.post("/auth/verify-email", {"token": token})


def refused(client: Client, token: str | None) -> None:
    found = problem(verify(client, token), 422, "verification_token_invalid")
    assert set(found["errors"]) == {"token"}


def test_the_link_verifies_once(client: Client, ann: dict[str, Any], outbox: Any) -> None:
    me = client.with_token(ann["access"])
    assert ok(me.get("/me"))["email_verified"] is False
    [(address, token)] = outbox()
    assert address == ANN["email"]
    assert verify(client, token).status_code == 204
    assert ok(me.get("/me"))["email_verified"] is True
    refused(client, token)
    problem(me.post("/me/verify-email"), 409, "email_verified")
    for junk in ("", "junk", "é", token[:-4]):
        refused(client, junk)


def test_a_new_address_is_verified_anew_and_the_old_one_told(
    client: Client, shop: Flask, ann: dict[str, Any], outbox: Any
) -> None:
    me = client.with_token(ann["access"])
    [(_, first)] = outbox()
    ok(me.patch("/me", NEW))
    refused(client, first)
    told = outbox()[1:]
    assert sorted(address for address, _ in told) == [ANN["email"], NEW["email"]]
    assert [address for address, token in told if token] == [NEW["email"]]
    [token] = [token for _, token in told if token]
    assert verify(client, token).status_code == 204
    # The same address in other letters is the same one.
    assert ok(me.patch("/me", {**NEW, "email": "NEW@example.com"}))["email_verified"] is True
    ok(me.patch("/me", {**NEW, "email": ANN["email"]}))
    assert me.delete("/me").status_code == 204
    with shop.app_context():
        left = db.session.scalars(select(Email)).all()
        assert "@" not in str([row.data for row in left])


def test_one_mail_a_minute(client: Client, shop: Flask, ann: dict[str, Any]) -> None:
    def count() -> int:
        with shop.app_context():
            return db.session.scalar(select(func.count()).select_from(Email)) or 0

    me = client.with_token(ann["access"])
    assert me.post("/me/verify-email").status_code == 202
    assert count() == 1
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(Email).values(created_at=clock.now() - timedelta(seconds=61)))
    at_once([lambda: client.with_token(ann["access"]).post("/me/verify-email")] * 4)
    assert count() == 2


def test_the_link_is_good_for_three_days(
    client: Client, ann: dict[str, Any], outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(_, token)] = outbox()
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(days=3, seconds=1))
    refused(client, token)
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(days=2, hours=23))
    assert verify(client, token).status_code == 204


def test_who_is_made_by_a_command_counts_as_verified(shop: Flask) -> None:
    arguments = ["users", "create", "otto", "--email", "otto@example.com", "--password"]
    done = shop.test_cli_runner().invoke(args=[*arguments, "a long password"])
    assert done.exit_code == 0, done.output
    with shop.app_context():
        assert db.session.scalars(select(Email)).all() == []
