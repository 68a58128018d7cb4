"""API keys: made, shown once, used, rotated, revoked; never more than their owner."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import ApiKey, IdempotencyKey, User
from bookstore.services import api_key_text, api_keys, maintenance
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client, ok, problem, statements
from tests.factories import log_in, make_book, make_user, reader_and_clerk

READ = {"name": "reads", "scopes": ["orders:read"]}


def with_key(shop: Flask, key: str) -> Client:
    return Client(shop, {"X-API-Key": key})


def change(shop: Flask, key_id: int, **values: Any) -> None:
    """Let time pass, as it were."""
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(**values))


def promote(shop: Flask, username: str, **values: Any) -> None:
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(User).where(User.username == username).values(**values))


@pytest.fixture
def reader(shop: Flask) -> Client:
    return reader_and_clerk(shop)[0]


def test_made_and_shown_once(shop: Flask, reader: Client) -> None:
    made = ok(reader.post("/me/api-keys", READ), 201)
    assert api_key_text.FORM.fullmatch(made["key"])
    assert made["key"].startswith(made["prefix"] + "_")
    assert (made["name"], made["scopes"], made["expires_at"]) == ("reads", ["orders:read"], None)
    [listed] = ok(reader.get("/me/api-keys"))["data"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    with shop.app_context():
        row = db.session.scalars(select(ApiKey)).one()
        secret = made["key"].rpartition("_")[2]
        assert secret not in str({name: getattr(row, name) for name in row.__table__.c.keys()})  # noqa: SIM118
        assert secret not in repr(row) + repr(api_keys.Shown(row, made["key"]))
    assert ok(with_key(shop, made["key"]).get("/orders"))["data"] == []


def test_input_is_checked(reader: Client) -> None:
    for body, field in (
        ({}, "name"),
        ({**READ, "name": " "}, "name"),
        ({**READ, "scopes": []}, "scopes"),
        ({**READ, "scopes": ["admin"]}, "scopes.0"),
        ({**READ, "scopes": ["orders:read", "webhooks"]}, "scopes"),
        ({**READ, "scopes": ["catalog:write"]}, "scopes"),
        ({**READ, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({**READ, "expires_at": "tomorrow"}, "expires_at"),
        ({**READ, "is_service": True}, "is_service"),
    ):
        found = problem(reader.post("/me/api-keys", body), 422, "validation_failed")
        assert field in found["errors"], (body, found["errors"])
    assert ok(reader.get("/me/api-keys"))["data"] == []


def test_a_repeated_request_makes_one_key(shop: Flask, reader: Client) -> None:
    first = ok(reader.post("/me/api-keys", READ, Idempotency_Key="k1"), 201)
    again = reader.post("/me/api-keys", READ, Idempotency_Key="k1")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ok(again, 201) == first
    with shop.app_context():
        [kept] = db.session.scalars(select(IdempotencyKey.body))
        assert first["key"].encode() not in (kept or b"")
    path = f"/me/api-keys/{first['id']}/rotate"
    rotated = ok(reader.post(path, {}, Idempotency_Key="k2"))
    assert ok(reader.post(path, {}, Idempotency_Key="k2")) == rotated
    ok(with_key(shop, rotated["key"]).get("/orders"))


def test_what_is_not_a_key(shop: Flask, reader: Client) -> None:
    key = ok(reader.post("/me/api-keys", READ), 201)["key"]
    prefix = key.rpartition("_")[0]
    stranger = api_key_text.new_key(api_key_text.new_prefix())
    wrong = api_key_text.new_key(prefix)
    for bad in ("", "junk", key[:-1], key + "0", key.swapcase(), f"bk_é{key[4:]}", stranger, wrong):
        with statements(shop) as found:
            answer = with_key(shop, bad).get("/orders")
        problem(answer, 401, "api_key_invalid")
        assert (
            answer.headers["WWW-Authenticate"] == 'Bearer realm="bookstore", error="invalid_token"'
        )
        # What cannot be a key asks nobody; what might be, once.
        assert len(found) == (1 if bad in {stranger, wrong} else 0)


def test_one_way_at_a_time(shop: Flask, reader: Client) -> None:
    key = with_key(shop, ok(reader.post("/me/api-keys", READ), 201)["key"])
    for more in (reader.headers, {"Authorization": "Bearer x"}, {"Authorization": ""}):
        answer = key.get("/orders", **more)
        problem(answer, 400, "ambiguous_credentials")
        assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]
    # Who is not asked who it is, is not asked in how many ways.
    body = {"refresh": "junk"}
    problem(key.post("/auth/token/refresh", body, **reader.headers), 401, "unauthenticated")


def test_scopes(shop: Flask, reader: Client) -> None:
    made = ok(reader.post("/me/api-keys", READ), 201)
    client = with_key(shop, made["key"])
    answer = client.get("/books")
    assert problem(answer, 403, "insufficient_scope")["scope"] == "catalog:read"
    challenge = 'Bearer realm="bookstore", error="insufficient_scope", scope="catalog:read"'
    assert answer.headers["WWW-Authenticate"] == challenge
    for path in ("/me", "/me/api-keys", "/cart", "/wishlist", "/me/export"):
        found = problem(client.get(path), 403, "login_required")
        assert "log in" in found["detail"]
    # No key makes another.
    problem(client.post("/me/api-keys", READ), 403, "login_required")
    assert client.get("/api/v1/books/").status_code == 403
    assert client.get("/api/v1/orders/").status_code == 200


def test_a_key_is_never_more_than_its_owner(shop: Flask) -> None:
    with shop.app_context():
        make_book()
        clerk = log_in(shop, make_user("clerk", is_staff=True))
    made = ok(clerk.post("/me/api-keys", {"name": "n", "scopes": ["reports", "catalog:read"]}), 201)
    key = with_key(shop, made["key"])
    ok(key.get("/reports/sales"))
    assert "stock" in ok(key.get("/books/1"))
    promote(shop, "clerk", is_staff=False)
    problem(key.get("/reports/sales"), 403, "forbidden")
    assert "stock" not in ok(key.get("/books/1"))
    promote(shop, "clerk", is_active=False)
    problem(key.get("/books/1"), 401, "api_key_invalid")


def test_revoked(shop: Flask, reader: Client) -> None:
    made = ok(reader.post("/me/api-keys", READ), 201)
    key = with_key(shop, made["key"])
    ok(key.get("/orders"))
    other = reader_and_clerk(shop)[1]
    problem(other.delete(f"/me/api-keys/{made['id']}"), 404, "not_found")
    problem(other.post(f"/me/api-keys/{made['id']}/rotate", {}), 404, "not_found")
    assert reader.delete(f"/me/api-keys/{made['id']}").status_code == 204
    problem(key.get("/orders"), 401, "api_key_revoked")
    # Who does not hold the secret is not told that there was one.
    wrong = api_key_text.new_key(made["prefix"])
    problem(with_key(shop, wrong).get("/orders"), 401, "api_key_invalid")
    problem(reader.delete(f"/me/api-keys/{made['id']}"), 404, "not_found")
    problem(reader.post(f"/me/api-keys/{made['id']}/rotate", {}), 404, "not_found")
    assert ok(reader.get("/me/api-keys"))["data"] == []


def test_expired(shop: Flask, reader: Client) -> None:
    end = (clock.now() + timedelta(days=1)).isoformat()
    made = ok(reader.post("/me/api-keys", {**READ, "expires_at": end}), 201)
    key = with_key(shop, made["key"])
    ok(key.get("/orders"))
    change(shop, made["id"], expires_at=clock.now())
    problem(key.get("/orders"), 401, "api_key_expired")
    path = f"/me/api-keys/{made['id']}/rotate"
    assert "expires_at" in problem(reader.post(path, {}), 422, "validation_failed")["errors"]
    rotated = ok(reader.post(path, {"expires_at": end, "grace_seconds": 600}))
    # A new end does not wake the old secret.
    problem(key.get("/orders"), 401, "api_key_revoked")
    ok(with_key(shop, rotated["key"]).get("/orders"))


def test_rotated(shop: Flask, reader: Client) -> None:
    first = ok(reader.post("/me/api-keys", READ), 201)
    path = f"/me/api-keys/{first['id']}/rotate"
    second = ok(reader.post(path, {}))
    assert second["key"] != first["key"]
    assert [second[name] for name in ("id", "prefix", "name", "scopes")] == [
        first[name] for name in ("id", "prefix", "name", "scopes")
    ]
    problem(with_key(shop, first["key"]).get("/orders"), 401, "api_key_revoked")
    third = ok(reader.post(path, {"grace_seconds": 600}))
    ok(with_key(shop, second["key"]).get("/orders"))
    ok(with_key(shop, third["key"]).get("/orders"))
    # Two at most.
    ok(reader.post(path, {"grace_seconds": 600}))
    problem(with_key(shop, second["key"]).get("/orders"), 401, "api_key_invalid")
    ok(with_key(shop, third["key"]).get("/orders"))
    change(shop, first["id"], previous_until=clock.now())
    problem(with_key(shop, third["key"]).get("/orders"), 401, "api_key_revoked")
    for grace in (-1, 7 * 24 * 3600 + 1, "1"):
        found = problem(reader.post(path, {"grace_seconds": grace}), 422, "validation_failed")
        assert "grace_seconds" in found["errors"]


def test_the_last_use_costs_the_usual_request_nothing(shop: Flask, reader: Client) -> None:
    made = ok(reader.post("/me/api-keys", READ), 201)
    key = with_key(shop, made["key"])

    def used() -> str | None:
        found: str | None = ok(reader.get("/me/api-keys"))["data"][0]["last_used_at"]
        return found

    with statements(shop) as found:
        answer = key.get("/orders")
        assert answer.data
        # One for who asks and one for the orders: the answer does not wait for more.
        assert len(found) == 2, found
        answer.close()
    assert [s.split()[0] for s in found[2:]] == ["UPDATE"]
    first = used()
    assert first is not None
    with statements(shop) as found:
        key.get("/orders").close()
    assert len(found) == 2
    assert used() == first
    change(shop, made["id"], last_used_at=clock.now() - timedelta(seconds=61))
    key.get("/orders").close()
    assert (used() or "") > first


def test_a_limit(reader: Client) -> None:
    for _ in range(api_keys.MOST_KEYS):
        last = ok(reader.post("/me/api-keys", READ), 201)
    problem(reader.post("/me/api-keys", READ), 409, "api_key_limit")
    assert reader.delete(f"/me/api-keys/{last['id']}").status_code == 204
    ok(reader.post("/me/api-keys", READ), 201)


def test_with_the_account(shop: Flask, reader: Client) -> None:
    made = [ok(reader.post("/me/api-keys", READ), 201) for _ in range(2)]
    reader.delete(f"/me/api-keys/{made[0]['id']}")
    answer = reader.get("/me/export")
    held = ok(answer)["api_keys"]
    assert [(one["prefix"], one["revoked_at"] is None) for one in held] == [
        (made[1]["prefix"], True),
        (made[0]["prefix"], False),
    ]
    with shop.app_context():
        digests = db.session.scalars(select(ApiKey.digest)).all()
    assert not any(digest in answer.get_data(as_text=True) for digest in digests)
    assert reader.delete("/me").status_code == 204
    problem(with_key(shop, made[1]["key"]).get("/orders"), 401, "api_key_invalid")
    with shop.app_context():
        assert db.session.scalars(select(ApiKey)).all() == []


def test_old_ones_are_forgotten(shop: Flask, reader: Client) -> None:
    made = [ok(reader.post("/me/api-keys", READ), 201)["id"] for _ in range(4)]
    long_ago = clock.now() - timedelta(days=31)
    change(shop, made[0], revoked_at=long_ago)
    change(shop, made[1], expires_at=long_ago)
    change(shop, made[2], revoked_at=clock.now())
    with shop.app_context():
        assert maintenance.run()["API keys"] == 2
        assert sorted(db.session.scalars(select(ApiKey.id))) == made[2:]


def test_no_key_in_the_log(shop: Flask, reader: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = ok(reader.post("/me/api-keys", READ), 201)
        with_key(shop, made["key"]).get("/orders").close()
        with_key(shop, made["key"]).get("/books")
        with_key(shop, api_key_text.new_key(made["prefix"])).get("/orders")
    told = " ".join(str(vars(record)) for record in caplog.records)
    assert made["prefix"] in told
    assert made["key"].rpartition("_")[2] not in told


def test_who_did_it_is_told(shop: Flask) -> None:
    reader, clerk = reader_and_clerk(shop)
    with shop.app_context():
        book = make_book().id
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    address = {"name": "A", "line1": "1", "city": "York", "country": "GB"}
    order = ok(reader.post("/orders", {"shipping_address": address}), 201)["id"]
    body = {"name": "erp", "scopes": ["orders:write"]}
    made = ok(clerk.post("/me/api-keys", body), 201)
    ok(with_key(shop, made["key"]).post(f"/orders/{order}/status", {"status": "processing"}))
    event = ok(clerk.get(f"/orders/{order}/events"))["data"][-1]
    assert event["actor"].startswith("staff:")
    assert event["actor"].endswith(f" by key:{made['id']}")
