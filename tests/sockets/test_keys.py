"""API keys at the sockets: the rows of the table of authorisation, and how such sockets end."""

from flask import Flask

from bookstore.models import User
from bookstore.services import api_keys, jobs
from bookstore.services.actors import SYSTEM, Actor
from bookstore.services.scopes import SCOPES
from bookstore.unit_of_work import unit_of_work
from tests.api.authorisation import ALLOWED, CALLERS
from tests.api.authorisation_v2 import table
from tests.factories import make_buyers
from tests.sockets.following import Followed, closed, read, refused, ws
from tests.sockets.test_endings import look_now
from tests.sockets.test_stream import stream


def new_key(shop: Flask, user_id: int, *scopes: str) -> api_keys.Shown:
    with shop.app_context():
        return api_keys.create(Actor(user_id, "whoever", is_staff=True), "a key", list(scopes))


def test_everybody_at_every_socket(alone: Followed) -> None:
    [(other, token)] = make_buyers(alone.shop, 1)
    logins = {"owner": alone.token, "other": token, "staff": alone.clerk}
    sent: dict[str, dict[str, str]] = {
        "guest": {},
        **{name: {"Authorization": f"Bearer {login}"} for name, login in logins.items()},
    }
    with alone.shop.app_context():
        job_id = jobs.start(Actor(alone.reader, "reader"), "report.book", {"book_id": 1}).id
    codes = {401: "unauthenticated", 404: "not_found"}
    for route, row in table().items():
        if not route.startswith("WS "):
            continue
        without = [scope for scope in SCOPES if scope != row.scope]
        for name, user_id, scopes in (
            ("key", alone.reader, SCOPES),
            ("other key", other, SCOPES),
            ("lacking key", alone.reader, without),
        ):
            sent[name] = {"X-API-Key": new_key(alone.shop, user_id, *scopes).key}
        path = route.split(" ")[1].format(order_id=alone.order_id, job_id=job_id)
        for caller in CALLERS:
            expected = row.expected[caller]
            if expected == ALLOWED:
                with ws(alone.live, path, sent[caller]) as client:
                    assert read(client)["type"].endswith("_snapshot"), (route, caller)
                continue
            assert isinstance(expected, int)
            code = codes.get(expected) or ("insufficient_scope" if row.scope else "login_required")
            with refused(expected, code), ws(alone.live, path, sent[caller]):
                pass
    both = {**sent["key"], **sent["owner"]}
    with refused(400, "ambiguous_credentials"), ws(alone.live, alone.path, both):
        pass


def test_a_socket_ends_with_the_secret_that_opened_it(alone: Followed) -> None:
    shop = alone.shop
    made = [new_key(shop, alone.reader, "orders:read") for _ in range(3)]
    paths = [{"X-API-Key": one.key} for one in made]
    with (
        ws(alone.live, alone.path, paths[0]) as revoked,
        ws(alone.live, alone.path, paths[1]) as rotated,
        ws(alone.live, alone.path, paths[2]) as kept,
        stream(alone, Authorization="", X_API_Key=made[0].key) as refused_stream,
    ):
        assert refused_stream.answer.status_code == 400
        for client in (revoked, rotated, kept):
            read(client)
        with shop.app_context():
            api_keys.revoke(SYSTEM, made[0].row.id)
            api_keys.rotate(SYSTEM, made[1].row.id)
            api_keys.rotate(SYSTEM, made[2].row.id, grace_seconds=600)
        assert closed(revoked, timeout=10) == 4401
        assert closed(rotated, timeout=10) == 4401
        version = alone.advance("processing")
        assert read(kept)["update"]["version"] == version


def test_a_clerk_who_is_none_any_more(alone: Followed) -> None:
    with alone.shop.app_context(), unit_of_work() as session:
        clerk = User(
            **dict.fromkeys(("username", "username_key", "email", "email_key"), "former"),
            password_hash="!",
            is_staff=True,
        )
        session.add(clerk)
    key = new_key(alone.shop, clerk.id, "orders:read").key
    with ws(alone.live, alone.path, {"X-API-Key": key}) as client:
        read(client)
        with alone.shop.app_context(), unit_of_work() as session:
            session.get_one(User, clerk.id).is_staff = False
        look_now(alone)
        assert closed(client) == 4403
