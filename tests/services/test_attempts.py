"""Guessing takes long: attempts on one account, whoever makes them and from wherever."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from bookstore import errors
from bookstore.gateways import rates
from bookstore.services import attempts, cart, coupon_editing, password_reset
from bookstore.services.actors import SYSTEM, Actor
from tests.clients import Client, ok, problem
from tests.factories import PASSWORD, make_user
from tests.limiting import Limits, left

WRONG = "not the password"


@pytest.fixture
def limits(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> Limits:
    return Limits(shop, monkeypatch)


@pytest.fixture
def addresses() -> Iterator[str]:
    return (f"192.0.2.{number}" for number in range(1, 255))


def try_to_log_in(client: Client, username: str, password: str, address: str, path: str = ""):  # type: ignore[no-untyped-def]
    return client.http.post(
        path or "/api/v2/auth/token",
        json={"username": username, "password": password},
        environ_base={"REMOTE_ADDR": address},
    )


def waits(kind: str, account: str) -> int:
    """Return how long the next attempt has to wait; 0: not at all."""
    try:
        attempts.check(kind, account)
    except errors.RateLimited as error:
        return error.retry_after
    return 0


def test_an_address_has_so_many_attempts_of_a_kind(client: Client, limits: Limits) -> None:
    limits(login="2/minute")
    for number, path in enumerate(("/api/v2/auth/token", "/api/token/")):
        answer = try_to_log_in(client, f"nobody{number}", WRONG, "192.0.2.1", path)
        assert (answer.status_code, *left(answer)) == (401, "login", 1 - number)
        assert answer.headers["RateLimit-Policy"].startswith('"login";q=2;w=60, "burst";')
    refused = try_to_log_in(client, "another", WRONG, "192.0.2.1")
    problem(refused, 429, "rate_limited")
    old = try_to_log_in(client, "another", WRONG, "192.0.2.1", "/api/token/")
    assert old.get_json()["detail"].startswith("Request was throttled. Expected available in ")
    # Other kinds are counted by themselves, and whoever reads is not concerned.
    here = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}
    for path in ("refresh", "password-reset/confirm", "password-reset", "register"):
        url = f"/api/v2/auth/{'token/' if path == 'refresh' else ''}{path}"
        assert client.http.post(url, json={}, **here).status_code == 422, path
    assert client.http.get("/api/v2/books", **here).status_code == 200


def test_an_account_has_so_many_attempts_from_wherever(
    app: Flask, client: Client, limits: Limits, addresses: Iterator[str]
) -> None:
    make_user("Ann")
    limits(login="3/minute")
    for name in ("ann", "ANN", "nobody", "Nobody", "aNN", "nobodY"):
        problem(try_to_log_in(client, name, WRONG, next(addresses)), 401, "bad_credentials")
    answers = [try_to_log_in(client, name, PASSWORD, next(addresses)) for name in ("Ann", "nobody")]
    told = [problem(answer, 429, "rate_limited")["detail"] for answer in answers]
    # Nothing tells which of the two there is; they began their minute one after the other.
    assert len({re.sub(r"\d+", "N", text) for text in told}) == 1
    assert all(0 < int(answer.headers["Retry-After"]) <= 61 for answer in answers)


def test_each_failure_makes_the_next_attempt_wait_longer(app: Flask) -> None:
    found = []
    for _ in range(20):
        attempts.failed("login", "ann")
        found.append(waits("login", "Ann"))
    assert found[:4] == [0, 0, 0, 0]
    expected = [*(2**number for number in range(10)), *[attempts.LONGEST] * 6]
    for wait, delay in zip(found[4:], expected, strict=True):
        # Whole seconds, rounded up; some may have passed.
        assert delay - 3 <= wait <= delay + 1
    assert waits("login", "bob") == 0
    assert waits("totp", "ann") == 0
    attempts.succeeded("login", "ANN")
    assert waits("login", "ann") == 0
    attempts.failed("login", "ann")
    assert waits("login", "ann") == 0


def test_logging_in_waits_and_a_success_forgets(
    app: Flask, client: Client, addresses: Iterator[str]
) -> None:
    make_user("ann")
    for _ in range(4):
        problem(try_to_log_in(client, "ann", WRONG, next(addresses)), 401, "bad_credentials")
    ok(try_to_log_in(client, "ann", PASSWORD, next(addresses)))
    for _ in range(4):
        problem(try_to_log_in(client, "ann", WRONG, next(addresses)), 401, "bad_credentials")
    for _ in range(6):
        attempts.failed("login", "ann")
    refused = try_to_log_in(client, "ann", PASSWORD, next(addresses))
    body = problem(refused, 429, "rate_limited")
    assert refused.headers["Retry-After"] == str(body["retry_after"])
    assert body["retry_after"] > 2  # that many for six alone


def test_a_new_password_lets_its_owner_in_at_once(
    app: Flask, client: Client, addresses: Iterator[str]
) -> None:
    user = make_user("ann")
    for _ in range(9):
        attempts.failed("login", "ann")
    assert waits("login", "ann") > 10
    password_reset.confirm(password_reset.make_token(user), "another password of mine")
    ok(try_to_log_in(client, "ann", "another password of mine", next(addresses)))


def test_mails_to_one_address_are_limited(client: Client, limits: Limits) -> None:
    limits(login="1/minute")
    for number, status in enumerate((202, 429)):
        answer = client.http.post(
            "/api/v2/auth/password-reset",
            json={"email": "ann@example.com" if number else "ANN@example.com"},
            environ_base={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
        assert answer.status_code == status


def test_a_refused_attempt_leaves_its_idempotency_key_free(client: Client, limits: Limits) -> None:
    body = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}
    limits(login="1/minute")
    ok(client.post("/auth/register", body), 201)
    elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
    again = {"json": body, "headers": {"Idempotency-Key": "once"}, "environ_base": elsewhere}
    problem(client.http.post("/api/v2/auth/register", **again), 429, "rate_limited")
    limits(login="100/minute")
    problem(client.http.post("/api/v2/auth/register", **again), 409, "username_taken")


def test_coupons_cannot_be_guessed(app: Flask, limits: Limits) -> None:
    coupon_editing.create(SYSTEM, {"code": "REAL", "kind": "percent", "value": "10"})
    limits(login="2/minute")
    guests = [Actor(None, "guest", address=f"192.0.2.{number}") for number in (1, 1, 2)]
    user = make_user()
    reader = Actor(user.id, "reader", address="192.0.2.1")
    for guest in guests[:2]:
        cart.put_coupon(guest, "real")  # counts for nothing
        with pytest.raises(errors.CouponInvalid):
            cart.put_coupon(guest, "GUESSED")
    with pytest.raises(errors.RateLimited) as refused:
        cart.put_coupon(guests[0], "REAL")
    assert 1 <= refused.value.retry_after <= 61
    for actor in (guests[2], reader):
        cart.put_coupon(actor, "REAL")


def test_nothing_is_kept_for_ever(app: Flask) -> None:
    for _ in range(6):
        attempts.failed("login", "ann")
    places = app.extensions["bookstore_rates"].redis.storage
    keys = list(places.scan_iter(f"{rates.PREFIX}*"))
    assert len(keys) == 2
    assert all(0 < places.ttl(key) <= attempts.MEMORY for key in keys)
