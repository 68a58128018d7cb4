"""What is left of a person: in no table but the orders' own, once they have left."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.models import Email, IdempotencyKey
from bookstore.services import channels, emails, idempotency, maintenance, vault
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok
from tests.conftest import Apps
from tests.factories import make_user, new_book

ROOT = Path(__file__).parents[2]
PASSWORD = "planted passphrase"
PERSON = {
    "username": "plantedname",
    "email": "planted.mail@example.com",
    "first_name": "Plantedfirst",
    "last_name": "Plantedlast",
}
# The shop's books: an order is to whom it was sent, and stays.
BOOKS = {"orders"}


@pytest.fixture
def leaver(
    client: Client, shop: Flask, apps: Apps, database: str, tmp_path: Path, monkeypatch: Any
) -> Client:
    """Somebody who has left a trace wherever one can."""
    changed = apps.settings(database, bookstore_home=tmp_path)
    monkeypatch.setitem(shop.config, "SETTINGS", changed)
    book = new_book(shop)
    account = {**PERSON, "password": PASSWORD}
    ok(client.post("/auth/register", account, Idempotency_Key="a"), 201)
    login = {"username": PERSON["username"], "password": PASSWORD}
    me = client.with_token(ok(client.post("/auth/token", login))["access"])
    device = {"token": "planted-device", "platform": "ios"}
    ok(me.post("/me/devices", device, Idempotency_Key="a"), 201)
    ok(me.post("/wishlist/items", {"book_id": book, "notes": "for planted aunt"}), 201)
    ok(me.post("/cart/items", {"book_id": book}), 201)
    address = {**ADDRESS, "name": "Planted Addressee", "line1": "7 Planted Street"}
    ok(me.post("/orders", {"shipping_address": address}, Idempotency_Key="b"), 201)
    key = {"name": "planted program", "scopes": ["orders:write"], "expires_at": None}
    key = ok(me.post("/me/api-keys", key, Idempotency_Key="c"), 201)["key"]
    ok(me.post("/cart/items", {"book_id": book}), 201)
    again = {"shipping_address": address}
    unwanted = ok(client.post("/orders", again, X_API_Key=key, Idempotency_Key="d"), 201)["id"]
    ok(me.post(f"/orders/{unwanted}/cancel", {"note": "moved away from Planted Lane"}))
    ok(me.post(f"/books/{book}/reviews", {"rating": 4, "title": "Good"}), 201)
    ok(me.post("/cart/items", {"book_id": book}), 201)
    assert client.post("/auth/password-reset", {"email": PERSON["email"]}).status_code == 202
    with shop.app_context():
        channels.drain()
        with unit_of_work() as session:
            session.execute(update(Email).values(last_error=f"no such box: {PERSON['email']}"))
    return me


def tables_with(shop: Flask, *planted: str) -> set[str]:
    """Return the names of tables in which one of these stands, sealed or not, in any case."""
    found = set()
    with shop.app_context(), db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                text = " ".join(_plain(table.name, name, value) for name, value in row.items())
                if any(one.casefold() in text.casefold() for one in planted):
                    found.add(table.name)
    return found


def _plain(table: str, column: str, value: Any) -> str:
    if isinstance(value, bytes):
        if (table, column) == ("idempotency_keys", "body"):
            return vault.unseal(value)
        return value.decode(errors="replace")
    return str(value)


def test_nothing_personal_is_left_of_who_has_left(shop: Flask, leaver: Client) -> None:
    words = ("planted", "plantedname")
    before = tables_with(shop, *words)
    assert {"users", "devices", "wishlist_items", "emails", "idempotency_keys"} <= before
    assert leaver.delete("/me").status_code == 204
    assert tables_with(shop, *words) == BOOKS
    with shop.app_context():
        maintenance.run()
        assert tables_with(shop, *words) == BOOKS


def test_the_export_has_what_would_go(leaver: Client) -> None:
    found = ok(leaver.get("/me/export"))
    assert [one["template"] for one in found["mails"]] == [
        "password_reset",
        "order_cancelled",
        "order_confirmation",
        "order_confirmation",
        "verify_email",
    ]
    assert [one["revoked_at"] for one in found["sessions"]] == [None]
    assert next(one["note"] for one in found["order_events"]) == "moved away from Planted Lane"
    assert len(found["order_events"]) == 3
    text = str(found)
    # Not the device's token: whoever has it can write to the device.
    for planted in (*PERSON.values(), "for planted aunt", "7 Planted Street"):
        assert planted in text, planted


def test_mails_that_no_event_caused_go(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emails, "_BATCH", 2)
    user, now = make_user(), clock.now()
    ages = (29.9, 30.1, 31, 40)
    with unit_of_work() as session:
        for days in ages:
            at = now - timedelta(days=days)
            done = {"status": "succeeded", "finished_at": at, "created_at": at}
            session.add(Email(user_id=user.id, template="password_reset", data={}, **done))
        old = now - timedelta(days=99)
        session.add(Email(user_id=user.id, template="x", data={}, created_at=old))
    assert emails.forget_old() == 3
    left = db.session.scalars(select(Email.status).order_by(Email.id)).all()
    assert left == ["succeeded", "pending"]


def test_old_mail_files_go(app: Flask, apps: Apps, database: str, tmp_path: Path) -> None:
    app_settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = apps.settings(database, bookstore_home=tmp_path)
    try:
        (tmp_path / "mail").mkdir()
        for name, days in (("a.eml", 31), ("b.eml", 29), ("notes.txt", 99)):
            file = tmp_path / "mail" / name
            file.touch()
            at = clock.now().timestamp() - days * 86_400
            os.utime(file, (at, at))
        assert emails.forget_old() == 1
        assert {one.name for one in (tmp_path / "mail").iterdir()} == {"b.eml", "notes.txt"}
    finally:
        app.config["SETTINGS"] = app_settings


def test_idempotency_keys_go_in_batches(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "_BATCH", 2)
    with unit_of_work() as session:
        for number in range(5):
            at = clock.now() - timedelta(hours=25 if number else 23)
            session.add(
                IdempotencyKey(
                    scope="s",
                    route="r",
                    key=str(number),
                    fingerprint="",
                    owner="",
                    leased_until=at,
                    created_at=at,
                )
            )
    assert idempotency.forget_old() == 4
    assert db.session.scalar(select(func.count()).select_from(IdempotencyKey)) == 1


def test_the_document_says_what_the_code_does() -> None:
    document = (ROOT / "docs/operations.md").read_text()
    table = document.partition("## What is kept for how long")[2].partition("\n**")[0]
    shown = dict(re.findall(r"^\| ([\w ]+) \| (\d+) days? \|", table, re.M))
    kept = {name: str(period.days) for name, period in maintenance.KEPT.items()}
    kept["failed jobs in Redis"] = str(queue.FAILURE_SECONDS // 86_400)
    assert shown == kept


def test_each_part_of_the_upkeep_has_its_period(app: Flask) -> None:
    assert set(maintenance.run()) == set(maintenance.KEPT)
