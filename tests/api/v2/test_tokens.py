"""Access and refresh tokens: good once, gone at once, forged never (invariant 17)."""

import base64
import json
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from flask import Flask
from flask_jwt_extended import create_access_token, create_refresh_token

from bookstore import clock
from tests.api.v2.conftest import LOGIN
from tests.clients import Client, at_once, ok, problem
from tests.factories import log_in, make_user


def refused(client: Client, access: str, code: str = "token_revoked") -> None:
    """Assert that an access token is worth nothing."""
    answer = client.with_token(access).get("/me")
    problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


# -- refresh and logout -------------------------------------------------------------------------
def test_a_refresh_token_is_good_once_and_twice_ends_the_family(
    client: Client, ann: dict[str, Any]
) -> None:
    second = ok(client.post("/auth/token/refresh", {"refresh": ann["refresh"]}))
    ok(client.with_token(second["access"]).get("/me"))
    elsewhere = ok(client.post("/auth/token", LOGIN))
    again = client.post("/auth/token/refresh", {"refresh": ann["refresh"]})
    problem(again, 401, "token_reused")
    refused(client, second["access"])
    refused(client, ann["access"])
    newest = client.post("/auth/token/refresh", {"refresh": second["refresh"]})
    problem(newest, 401, "token_revoked")
    # Another login of the same person is another family.
    ok(client.with_token(elsewhere["access"]).get("/me"))
    ok(client.post("/auth/token/refresh", {"refresh": elsewhere["refresh"]}))


def test_two_refreshes_at_once_are_a_reuse(client: Client, ann: dict[str, Any]) -> None:
    def refresh() -> Any:
        return Client(client.app).post("/auth/token/refresh", {"refresh": ann["refresh"]})

    good, bad = sorted(at_once([refresh, refresh]), key=lambda answer: answer.status_code)
    fresh = ok(good)
    problem(bad, 401, "token_reused")
    refused(client, fresh["access"])
    problem(client.post("/auth/token/refresh", {"refresh": fresh["refresh"]}), 401, "token_revoked")


def test_logout_is_final_at_once(client: Client, ann: dict[str, Any]) -> None:
    me = client.with_token(ann["access"])
    elsewhere = ok(client.post("/auth/token", LOGIN))
    assert me.post("/auth/logout", {"refresh": ann["refresh"]}).status_code == 204
    refused(client, ann["access"])
    problem(client.post("/auth/token/refresh", {"refresh": ann["refresh"]}), 401, "token_revoked")
    ok(client.with_token(elsewhere["access"]).get("/me"))


def test_nobody_logs_another_out(shop: Flask, client: Client, ann: dict[str, Any]) -> None:
    with shop.app_context():
        bob = log_in(shop, make_user("bob"))
    bob.post("/auth/logout", {"refresh": ann["refresh"]})
    ok(client.with_token(ann["access"]).get("/me"))


def test_a_token_that_was_verified_before_expires_all_the_same(
    client: Client, ann: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    me = client.with_token(ann["access"])
    ok(me.get("/me"))
    later = clock.now() + timedelta(hours=2)
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: later)
        # What verifies tokens knows the time by itself.
        patched.setattr("jwt.api_jwt.datetime", Later)
        refused(client, ann["access"], "token_expired")
    ok(me.get("/me"))


class Later(datetime):
    """What time it is in two hours."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Later":
        return cls.fromtimestamp(datetime.now(tz).timestamp() + 7200, tz)


# -- tokens that are none -----------------------------------------------------------------------
def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def _b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_each_kind_of_token_is_only_that(client: Client, ann: dict[str, Any]) -> None:
    refused(client, ann["refresh"], "unauthenticated")
    swapped = client.post("/auth/token/refresh", {"refresh": ann["access"]})
    problem(swapped, 401, "unauthenticated")
    problem(client.post("/auth/token/refresh", {"refresh": "junk"}), 401, "unauthenticated")


def test_an_expired_token(shop: Flask, client: Client, ann: dict[str, Any]) -> None:
    claims = _claims(ann["access"])
    past = timedelta(seconds=-1)
    with shop.app_context():
        more = {"sid": claims["sid"]}
        access = create_access_token(claims["sub"], expires_delta=past, additional_claims=more)
        old = create_refresh_token(claims["sub"], expires_delta=past, additional_claims=more)
    refused(client, access, "token_expired")
    problem(client.post("/auth/token/refresh", {"refresh": old}), 401, "token_expired")


def test_forged_and_broken_tokens(shop: Flask, client: Client, ann: dict[str, Any]) -> None:
    head, body, signature = ann["access"].split(".")
    claims = _claims(ann["access"])
    with shop.app_context():
        nameless = create_access_token(claims["sub"])
        wordy = create_access_token("ann", additional_claims={"sid": claims["sid"]})
        nobody = create_access_token("999999", additional_claims={"sid": claims["sid"]})
    bad = [
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{_b64({**claims, 'sub': '1000'})}.{signature}",
        f"{_b64({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{_b64({'alg': 'none', 'typ': 'JWT'})}.{body}.{signature}",
        f"{_b64({'alg': 'RS256', 'typ': 'JWT'})}.{body}.{signature}",
        f"{_b64([])}.{body}.{signature}",
        f"{base64.urlsafe_b64encode(b'[' * 2000).decode()}.{body}.{signature}",
        f"{head}.{body}",
        "x" * 5000,
        "...",
        "é",
        nameless,
        wordy,
    ]
    for token in bad:
        refused(client, token, "unauthenticated")
    refused(client, nobody)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearer a b", "\xff\xfe"]
)
def test_other_schemes_are_refused(client: Client, header: str) -> None:
    for path in ("/me", "/books", "/cart"):
        answer = client.get(path, Authorization=header)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_scheme_is_read_without_case(client: Client, ann: dict[str, Any]) -> None:
    ok(client.get("/me", Authorization=f"bearer {ann['access']}"))
    problem(client.get("/me"), 401, "unauthenticated")
