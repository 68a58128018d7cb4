"""Where one is logged in: each login is listed, and can be ended from another."""

from typing import Any

from flask import Flask

from bookstore.services.sessions import USER_AGENT_LENGTH
from tests.api.v2.conftest import LOGIN
from tests.clients import Client, ok, problem
from tests.factories import log_in, make_user


def listed(client: Client) -> list[dict[str, Any]]:
    return list(ok(client.get("/me/sessions"))["data"])


def test_each_login_is_listed_and_can_be_ended(client: Client, ann: dict[str, Any]) -> None:
    phone = ok(client.post("/auth/token", LOGIN, User_Agent="Phone " * 50))
    here, there = client.with_token(phone["access"]), client.with_token(ann["access"])
    mine = listed(here)
    assert [one["current"] for one in mine] == [True, False]
    assert mine[0]["user_agent"] == ("Phone " * 50)[:USER_AGENT_LENGTH]
    assert {one["address"] for one in mine} == {"127.0.0.1"}
    assert mine[0]["last_used_at"] == mine[0]["created_at"]
    assert [one["id"] for one in listed(there) if one["current"]] == [mine[1]["id"]]
    # Using the refresh token is seen.
    again = ok(client.post("/auth/token/refresh", {"refresh": phone["refresh"]}))
    used = listed(there)[0]
    assert used["last_used_at"] > used["created_at"]
    assert here.delete(f"/me/sessions/{mine[1]['id']}").status_code == 204
    problem(there.get("/me"), 401, "token_revoked")
    problem(client.post("/auth/token/refresh", {"refresh": ann["refresh"]}), 401, "token_revoked")
    problem(here.delete(f"/me/sessions/{mine[1]['id']}"), 404, "not_found")
    assert [one["id"] for one in listed(client.with_token(again["access"]))] == [mine[0]["id"]]


def test_all_others_can_be_ended_at_once(client: Client, ann: dict[str, Any]) -> None:
    others = [ok(client.post("/auth/token", LOGIN)) for _ in range(2)]
    me = client.with_token(ann["access"])
    assert me.delete("/me/sessions").status_code == 204
    assert [one["current"] for one in listed(me)] == [True]
    for other in others:
        problem(client.with_token(other["access"]).get("/me"), 401, "token_revoked")


def test_nobody_ends_anothers(client: Client, shop: Flask, ann: dict[str, Any]) -> None:
    me = client.with_token(ann["access"])
    [mine] = listed(me)
    with shop.app_context():
        stranger = log_in(shop, make_user())
    for name in (mine["id"], "junk", "x" * 300, "%00"):
        problem(stranger.delete(f"/me/sessions/{name}"), 404, "not_found")
    assert stranger.delete("/me/sessions").status_code == 204
    assert listed(me) == [mine]
    assert mine["id"] not in {one["id"] for one in listed(stranger)}
