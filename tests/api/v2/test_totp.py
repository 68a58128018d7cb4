"""The second factor of staff: how it is set up, asked for, used up and lost."""

from datetime import timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import RecoveryCode, Totp, User
from bookstore.services import attempts
from bookstore.unit_of_work import unit_of_work
from tests.api.v2.conftest import LOGIN
from tests.clients import Client, at_once, ok, problem
from tests.factories import PASSWORD


@pytest.fixture
def staff(client: Client, shop: Flask, ann: dict[str, Any]) -> Client:
    """Ann, who is staff."""
    with shop.app_context(), unit_of_work() as session:
        session.scalars(select(User)).one().is_staff = True
    return client.with_token(ann["access"])


@pytest.fixture
def factor(staff: Client) -> tuple[pyotp.TOTP, list[str]]:
    """Ann's app and her paper."""
    app = pyotp.TOTP(ok(staff.post("/me/totp"), 201)["secret"])
    told = ok(staff.post("/me/totp/confirm", {"code": at(app, -1)}))
    return app, told["recovery_codes"]


def at(app: pyotp.TOTP, steps: int = 0) -> str:
    """Return the code that the app shows so many steps from now."""
    return app.at(clock.now() + timedelta(seconds=30 * steps))


def log_in(client: Client, code: str | None = None) -> Any:
    return client.post("/auth/token", LOGIN if code is None else {**LOGIN, "code": code})


def forget_failures(shop: Flask) -> None:
    with shop.app_context():
        attempts.succeeded("login", LOGIN["username"])


def test_codes_that_are_guessed_have_to_wait(client: Client, shop: Flask, staff: Client) -> None:
    app = pyotp.TOTP(ok(staff.post("/me/totp"), 201)["secret"])
    ok(staff.post("/me/totp/confirm", {"code": at(app)}))
    for _ in range(5):
        problem(log_in(client, "00000000"), 401, "totp_invalid")
    problem(log_in(client, at(app, 1)), 429, "rate_limited")
    forget_failures(shop)
    ok(log_in(client, at(app, 1)))


def test_from_the_secret_to_the_login(
    client: Client, shop: Flask, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At a moment of its own, so that no step ends in the middle of the test.
    # Soon: at noon, a token of the morning has expired.
    soon = clock.now().replace(second=5, microsecond=0) + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: soon)
    problem(staff.post("/me/totp/confirm", {"code": "123456"}), 409, "totp_not_enabled")
    first = ok(staff.post("/me/totp"), 201)
    told = ok(staff.post("/me/totp"), 201)
    assert told["uri"].startswith("otpauth://totp/Bookstore:ann?secret=" + told["secret"])
    assert first["secret"] != told["secret"]
    app = pyotp.TOTP(told["secret"])
    ok(log_in(client))  # not yet confirmed
    for wrong in ("", "abc", "\u00a5\u0663", at(app, 2), at(pyotp.TOTP(first["secret"]))):
        found = problem(staff.post("/me/totp/confirm", {"code": wrong}), 422, "validation_failed")
        assert set(found["errors"]) == {"code"}
    paper = ok(staff.post("/me/totp/confirm", {"code": at(app)}))["recovery_codes"]
    assert len(set(paper)) == 10
    problem(staff.post("/me/totp"), 409, "totp_enabled")
    with shop.app_context():
        kept = db.session.scalars(select(Totp)).one()
        assert told["secret"].encode() not in kept.secret
        assert not set(paper) & set(db.session.scalars(select(RecoveryCode.code_hash)))

    problem(log_in(client), 401, "totp_required")
    # With another password nobody learns that there is a second factor.
    bad = {**LOGIN, "password": "not hers", "code": at(app, 1)}
    problem(client.post("/auth/token", bad), 401, "bad_credentials")
    for wrong in (at(app), at(app, -1), at(app, 2), "000000000", "x", paper[0][:-1]):
        problem(log_in(client, wrong), 401, "totp_invalid")
        forget_failures(shop)  # each of many would have to wait longer
    # Neither is v1 a way round.
    for code, status in ((None, 401), ("000000000", 401), (at(app, 1), 200)):
        body = LOGIN if code is None else {**LOGIN, "code": code}
        assert client.post("/api/token/", body).status_code == status
        forget_failures(shop)
    problem(log_in(client, at(app, 1)), 401, "totp_invalid")
    monkeypatch.setattr(clock, "now", lambda: soon + timedelta(seconds=60))
    ok(log_in(client, f"{at(app)[:3]} {at(app)[3:]}"))


def test_a_code_is_good_once_even_at_once(
    client: Client, shop: Flask, factor: tuple[pyotp.TOTP, list[str]]
) -> None:
    app, paper = factor
    for code in (at(app, 1), paper[3].upper()):
        answers = at_once([lambda c=code: log_in(Client(shop), c)] * 4)
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    ok(log_in(client, paper[4].replace("-", "")))


def test_without_it_again(
    client: Client, shop: Flask, staff: Client, factor: tuple[pyotp.TOTP, list[str]]
) -> None:
    app, paper = factor
    user_id = ok(staff.get("/me"))["id"]
    assert ok(staff.get("/me/totp"))["recovery_codes_left"] == 10

    def remove(password: str, code: str) -> Any:
        return staff.call("DELETE", "/me/totp", {"password": password, "code": code})

    found = problem(remove("not hers", at(app, 1)), 422, "validation_failed")
    assert set(found["errors"]) == {"password"}
    for wrong in range(4):
        problem(remove(PASSWORD, str(wrong)), 401, "totp_invalid")
    problem(remove(PASSWORD, paper[0]), 429, "rate_limited")
    with shop.app_context():
        attempts.succeeded("proof", str(user_id))
    done = remove(PASSWORD, paper[0])
    assert done.status_code == 204
    assert ok(staff.get("/me/totp")) == {
        "enabled": False,
        "enabled_at": None,
        "recovery_codes_left": 0,
    }
    ok(log_in(client))
    problem(remove(PASSWORD, paper[1]), 409, "totp_not_enabled")


def test_it_is_for_staff(client: Client, ann: dict[str, Any]) -> None:
    me = client.with_token(ann["access"])
    problem(me.post("/me/totp"), 403, "forbidden")
    problem(me.post("/me/totp/confirm", {"code": "123456"}), 403, "forbidden")


def test_who_has_lost_app_and_paper(
    client: Client, shop: Flask, factor: tuple[pyotp.TOTP, list[str]]
) -> None:
    run = shop.test_cli_runner().invoke
    assert "password alone" in run(args=["users", "reset-totp", "ANN"]).output
    ok(log_in(client))
    again = run(args=["users", "reset-totp", "ann"])
    assert (again.exit_code, "no second factor" in again.output) == (1, True)


def test_it_goes_with_the_account(
    shop: Flask, staff: Client, factor: tuple[pyotp.TOTP, list[str]]
) -> None:
    told = ok(staff.get("/me/export"))
    assert told["totp"]["enabled"] is True
    assert factor[0].secret not in str(told)
    assert [one["current"] for one in told["sessions"]] == [True]
    assert told["user"]["email_verified"] is False
    assert staff.delete("/me").status_code == 204
    with shop.app_context():
        assert db.session.scalars(select(Totp)).all() == []
        assert db.session.scalars(select(RecoveryCode)).all() == []
