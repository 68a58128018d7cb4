"""Every route of the shop, asked by everybody: who gets past, and how the others are refused."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bookstore.models import User
from bookstore.services import api_keys, notifications, reviews, sessions
from bookstore.services.actors import Actor
from bookstore.services.scopes import SCOPES
from bookstore.services.sessions import Origin
from bookstore.unit_of_work import unit_of_work
from tests.api.authorisation import ALLOWED, CALLERS, Row
from tests.api.authorisation_v2 import table
from tests.clients import ADDRESS, Client, ok
from tests.factories import log_in, make_book, make_user
from tests.services.job_kinds import with_file

TOKEN = "a service token that is long enough to be one"
TABLES = "tests/api/authorisation_v2.py (API v2) or tests/api/authorisation.py (all else)"


def routes(app: Flask) -> set[str]:
    """Return ``METHOD /path`` of every route; ``WS /path`` of a WebSocket.

    But for the console's, which knows no tokens: ``tests/console`` asks each of its pages.
    """
    found = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("console."):
            continue
        path = re.sub(r"<(?:[^<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found |= {f"{'WS' if rule.websocket else method} {path}" for method in methods}
    return found


class World:
    """A shop with an owner of things, another customer and staff; and their keys."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        with app.app_context():
            self.people = {name: make_user(name) for name in ("owner", "other")}
            self.people["staff"] = make_user("staff", is_staff=True)
            self.clients = {name: log_in(app, user) for name, user in self.people.items()}
            self.keys = {
                (name, lacks): self._key(user, lacks)
                for name, user in self.people.items()
                for lacks in (None, *SCOPES)
            }
            book = make_book().id
        owner = self.clients["owner"]
        ok(owner.post("/cart/items", {"book_id": book}), 201)
        self.order = ok(owner.post("/orders", {"shipping_address": ADDRESS}), 201)["id"]
        intent = ok(owner.post(f"/orders/{self.order}/payment-intent"))
        self.secret = intent["client_secret"]

    def _key(self, user: User, lacks: str | None) -> Client:
        # As if all had been staff when they made it: what counts is what they are.
        maker = Actor(user.id, "whoever", is_staff=True)
        scopes = [scope for scope in SCOPES if scope != lacks]
        return Client(self.app, {"X-API-Key": api_keys.create(maker, "a key", scopes).key})

    def caller(self, name: str, row: Row) -> Client:
        """Return a client of one of CALLERS."""
        if name == "guest":
            return Client(self.app)
        if name in self.people and row.spare:
            with self.app.app_context():
                return log_in(self.app, make_user(is_staff=name == "staff"))
        if name in self.people:
            return self.clients[name]
        whose = "other" if name == "other key" else "staff" if row.staff_only else "owner"
        return self.keys[whose, row.scope if name == "lacking key" else None]

    def things(self, row: Row) -> dict[str, Any]:
        """Make what is the owner's, new for each request."""
        made: dict[str, Any] = {}
        owner = self.people["owner"]
        with self.app.app_context():
            for name in row.things:
                if name == "review_id":
                    made["book_id"] = make_book().id
                    made[name] = reviews.post(owner, made["book_id"], 5).id
                elif name == "job_id":
                    made |= {"job_id": with_file(owner, "report.csv"), "name": "report.csv"}
                elif name == "device_id":
                    made[name] = notifications.add_device(owner, "a token", "ios").id
                elif name == "notification_id":
                    [made[name]] = self.notifications[:1]
                elif name == "session_id":
                    with unit_of_work() as session:
                        made[name] = sessions.start(session, owner.id, Origin()).session_id
                elif name == "key_id":
                    with unit_of_work():
                        for held in api_keys.list_keys(owner):
                            if held.name == "spare":
                                api_keys.revoke(owner, held.id)
                        made[name] = api_keys.create(owner, "spare", ["orders:read"]).row.id
        return {"order_id": self.order, "secret": self.secret, **made}

    @property
    def notifications(self) -> list[int]:
        """Ids of what the owner was told."""
        page = ok(self.clients["owner"].get("/me/notifications"))
        return [notice["id"] for notice in page["data"]]


def ask(client: Client, route: str, row: Row, things: dict[str, Any]) -> TestResponse:
    """Send a request to a route: with what is one's own, else with what there is not."""
    method, path = route.split(" ", 1)
    named = {"version": "v2", "name": "none", "record_id": 987654, "book_id": 987654, **things}
    url = re.sub(r"{(\w+)}", lambda m: str(named.get(m.group(1), 987654)), path)
    body = {} if row.body is None else dict(row.body)
    for name, value in body.items():
        if isinstance(value, str) and value.startswith("{"):
            body[name] = things[value.strip("{}")]
    sent = body if method in {"POST", "PUT", "PATCH"} else None
    return client.http.open(
        url, method=row.by or method, json=sent, headers={**client.headers, "If-Match": "*"}
    )


def complaint(answer: TestResponse, caller: str, row: Row) -> str | None:
    """Return what is wrong with an answer, None when it is as the row has it."""
    expected, status = row.expected[caller], answer.status_code
    found = answer.get_json(silent=True) if answer.is_json else None
    code = found.get("code") if isinstance(found, dict) else None
    if expected == ALLOWED:
        refused = status in {401, 403} and code not in row.fine
        # Who may see it must find it, or it would pass for another's.
        hidden = status == 404 and row.things
        return f"{status} {code}" if refused or hidden or status >= 429 else None
    if status != expected:
        return f"{status} {code} instead of {expected}"
    if code is None or expected != 403:
        return None
    if "key" in caller and row.scope is None:
        wanted = "login_required"
    else:
        wanted = "insufficient_scope" if caller == "lacking key" else "forbidden"
    lacks = found["scope"] if wanted == "insufficient_scope" else None  # type: ignore[index]
    return None if code == wanted and lacks in {None, row.scope} else f"{code} ({lacks})"


@pytest.fixture
def with_token(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    changed = replace(
        shop.config["SETTINGS"], service_token=TOKEN + ", new", service_token_previous=TOKEN
    )
    monkeypatch.setitem(shop.config, "SETTINGS", changed)
    return shop


@pytest.mark.parametrize("database", ["sqlite"])
class TestTable:
    """The table and the routes are the same."""

    def test_every_route_has_a_row(self, shop: Flask) -> None:
        rows = {key.partition("?")[0] for key in table()}
        assert sorted(routes(shop) - rows) == [], (
            f"new routes: add a line for each to {TABLES}, saying who may "
            "(open_, visitor, user, own, staff, service) and which scope an API key needs"
        )

    def test_every_row_has_a_route(self, shop: Flask) -> None:
        rows = {key.partition("?")[0] for key in table()}
        assert sorted(rows - routes(shop)) == [], f"no such routes: take them out of {TABLES}"


def wrong(world: World) -> Iterator[str]:
    for route, row in table().items():
        if route.startswith("WS "):
            continue
        for caller in CALLERS:
            answer = ask(world.caller(caller, row), route, row, world.things(row))
            found = complaint(answer, caller, row)
            if found is not None:
                yield f"{route} as {caller}: {found}"
            answer.close()


# One database is enough: both have the same rows, and a thousand requests take their time.
@pytest.mark.parametrize("database", ["sqlite"])
def test_everybody_at_every_route(with_token: Flask) -> None:
    found = list(wrong(World(with_token)))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("database", ["sqlite"])
def test_either_service_token_opens_what_is_between_parts(with_token: Flask) -> None:
    for token, answered in ((TOKEN, True), (TOKEN + ", new", True), (TOKEN[:-1], False)):
        client = Client(with_token, {"Authorization": f"Bearer {token}"})
        for route, row in table().items():
            if row.is_service:
                status = ask(client, route, row, {}).status_code
                assert (status not in {401, 403}) is answered, (route, token, status)
