"""Which passwords are not taken, and how many are hashed at once."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from bookstore import errors
from bookstore.services import accounts, passwords
from bookstore.services.actors import Actor
from tests.api.v2.conftest import ANN, LOGIN
from tests.clients import Client, ok, problem
from tests.factories import PASSWORD, make_user

KNOWN = ("password", "PassWord", "qwertyuiop", "1234567890", "iloveyou", "trustno1")


@pytest.mark.parametrize(
    "bad", [*KNOWN, "ann.reader", "ANN.READER", "ann@example.com", "aaaaaaaaaa", "1212121212"]
)
def test_what_is_guessed_first_is_refused(bad: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        passwords.check(bad, "ann.reader", "ann@example.com")
    assert set(refused.value.extra["errors"]) == {"password"}


@pytest.mark.parametrize(
    "good",
    [PASSWORD, "correct horse battery staple", "82640193", "ann.reader and more", "пароль-мой"],
)
def test_nothing_is_asked_of_the_composition(good: str) -> None:
    passwords.check(good, "ann.reader", "ann@example.com")


def test_each_door_refuses(client: Client, shop: Flask, ann: dict[str, Any]) -> None:
    me, renamed = client.with_token(ann["access"]), {"username": "nine.lives"}
    # The reset link's own is in test_password_reset.
    doors = [
        client.post("/auth/register", {**ANN, "username": "otto", "password": KNOWN[0]}),
        me.patch("/me", {"password": KNOWN[1], "current_password": PASSWORD}),
        me.patch("/me", {**renamed, "password": "Nine.Lives", "current_password": PASSWORD}),
    ]
    for answer in doors:
        assert set(problem(answer, 422, "validation_failed")["errors"]) == {"password"}
    arguments = ["users", "create", "otto", "--email", "o@example.com", "--password", KNOWN[2]]
    done = shop.test_cli_runner().invoke(args=arguments)
    assert (done.exit_code, "many leaks" in done.output) == (1, True)


@pytest.fixture
def full() -> Iterator[ExitStack]:
    """One password is being checked, and as many wait as may."""
    with ExitStack() as held:
        for _ in range(passwords.IN_ALL):
            assert passwords._room.acquire(blocking=False)
            held.callback(passwords._room.release)
        yield held


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_flood_is_told_to_come_again(
    client: Client, shop: Flask, ann: dict[str, Any], full: ExitStack
) -> None:
    key = {"Idempotency_Key": "a key of the flood"}
    newcomer = {**ANN, "username": "otto", "email": "otto@example.com"}
    asks = (
        lambda: client.post("/auth/token", LOGIN),
        lambda: client.post("/auth/token", {**LOGIN, "username": "nobody"}),
        lambda: client.post("/auth/register", newcomer, **key),
        lambda: client.with_token(ann["access"]).patch(
            "/me", {"password": "another password", "current_password": PASSWORD}
        ),
    )
    for ask in asks:
        answer = ask()
        problem(answer, 503, "logins_busy")
        assert answer.headers["Retry-After"] == "1"
    assert client.post("/api/token/", LOGIN).status_code == 503
    # What needs no password goes on.
    ok(client.with_token(ann["access"]).get("/me"))
    ok(client.get("/books"))
    full.close()
    ok(client.post("/auth/token", LOGIN))
    ok(client.post("/auth/register", newcomer, **key), 201)


def test_those_that_wait_have_their_turn(app: Flask) -> None:
    found: list[bool] = []
    user = make_user("ann")

    def check() -> None:
        found.append(passwords.verify(PASSWORD, user.password_hash)[0])

    threads = [threading.Thread(target=check) for _ in range(passwords.IN_ALL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * passwords.IN_ALL
    assert accounts.get(Actor(user.id, user.label)).username == "ann"
