"""What follows are made of, in this process: snapshots, comparisons, places, and what fails."""

import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from flask import Flask
from sqlalchemy import insert, select

from bookstore import clock, create_app
from bookstore.extensions import context_maker, db, redis_handle
from bookstore.gateways import presence
from bookstore.gateways.embedded_redis import EmbeddedRedis
from bookstore.gateways.presence import Presence
from bookstore.gateways.pubsub import Update
from bookstore.models import Event, Notification, Order
from bookstore.services import live, tracking
from bookstore.services.actors import Actor
from bookstore.services.resync import Resync
from bookstore.services.tracking import Tracker
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, LiveShop, ok, problem, wait_until
from tests.conftest import Apps
from tests.factories import fill_carts, make_book, make_buyers, make_user
from tests.sockets.following import follow, read, refused

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": base64.b64encode(b"x" * 16).decode(),
    "Sec-WebSocket-Version": "13",
}


@pytest.fixture
def tracker(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    """This process's tracker, of which only the hub runs."""
    with shop.app_context():
        made = Tracker()
    made.hub.start()
    monkeypatch.setattr(tracking, "_tracker", made)
    yield made
    made.hub.stop()
    made.hub.join(20)


@pytest.fixture
def placed(shop: Flask) -> tuple[Actor, Client, int]:
    """A reader as an actor and as a client, and the id of their order."""
    with shop.app_context():
        book = make_book(stock=5).id
    [(reader, token)] = make_buyers(shop, 1)
    fill_carts(shop, {reader: [(book, 1)]})
    client = Client(shop).with_token(token)
    order = ok(client.post("/orders", {"shipping_address": ADDRESS}), 201)
    return Actor(reader, "reader", session_id="s"), client, order["id"]


def add_notifications(users: list[int], count: int) -> None:
    """Insert so many notifications, to the users in turn, that nobody publishes."""
    now = clock.now()
    with unit_of_work() as session:
        session.execute(
            insert(Event),
            [
                {
                    "id": number,
                    "public_id": f"evt_{number}",
                    "type": "ping",
                    "aggregate": "test",
                    "aggregate_id": number,
                    "sequence": 1,
                    "transaction_id": 0,
                    "body": b"{}",
                    "created_at": now,
                }
                for number in range(10_001, 10_001 + count)
            ],
        )
        session.execute(
            insert(Notification),
            [
                {
                    "id": number,
                    "user_id": users[number % len(users)],
                    "event_id": number,
                    "title": "t",
                    "message": "",
                    "data": {},
                    "created_at": now,
                }
                for number in range(10_001, 10_001 + count)
            ],
        )


def test_a_comparison_finds_all_however_many(app: Flask, tracker: Tracker) -> None:
    """More than a page, for more users than one question asks about."""
    users = [make_user(f"u{number}").id for number in range(3)]
    count = 2 * live.PAGE + 1
    add_notifications(users, count)
    pages = list(live.notifications_since(users, clock.now() - timedelta(seconds=60)))
    assert [len(page) for page in pages] == [live.PAGE, live.PAGE, 1]
    found = [update.version for page in pages for update in page]
    assert found == list(range(10_001, 10_001 + count))
    assert list(live.notifications_since(users, clock.now() + timedelta(seconds=60))) == []
    # And they all reach the sockets of those who follow.
    actor = Actor(users[1], "u1", session_id="s")
    with unit_of_work() as session:  # the snapshot shows none
        read_at = Notification.__table__.update().values(read_at=clock.now())
        session.execute(read_at)
    follower = tracking.follow_notifications(
        actor, kind="websocket", expires=clock.now().timestamp() + 60, path="/"
    )
    with unit_of_work() as session:
        session.execute(Notification.__table__.update().values(read_at=None))
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.settimeout(20)
        ours.setblocking(False)
        tracking.opened(follower, (ours, b""))
        hub = tracker.hub
        while not hub.connections():
            hub.publish([Update("order", 404, 1, b"{}")])
        resync = Resync(hub, tracker.presence, context_maker())
        resync._round(hub.connections())
        last = max(number for number in found if users[number % 3] == users[1])
        got = b""
        while f'"id":{last},'.encode() not in got:
            got += theirs.recv(65536)
        wanted = [number for number in found if users[number % 3] == users[1]]
        assert all(got.count(f'"id":{number},'.encode()) == 1 for number in wanted)


def test_what_was_committed_before_it_followed_is_in_the_snapshot(
    app: Flask, tracker: Tracker, placed: tuple[Actor, Client, int]
) -> None:
    """The log-in has read already, and its transaction may go on seeing that moment."""
    actor, _, order_id = placed
    db.session.rollback()

    def meanwhile() -> None:
        with db.engine.connect() as other, other.begin():
            other.execute(Order.__table__.update().values(version=Order.version + 1))
            other.execute(Notification.__table__.update().values(title="newer"))

    options: dict[str, Any] = {
        "kind": "websocket",
        "expires": clock.now().timestamp() + 60,
        "path": "/",
    }
    assert db.session.scalar(select(Order.version).where(Order.id == order_id)) == 1
    meanwhile()
    follower = tracking.follow_order(actor, order_id, **options)
    assert follower.connection.version == 2
    tracking.forget(follower)
    notifications = len(db.session.scalars(select(Notification)).all())
    meanwhile()
    follower = tracking.follow_notifications(actor, **options)
    assert follower.first.count(b"newer") == notifications > 0
    tracking.forget(follower)


class TestWhatFails:
    """A socket that comes to nothing leaves nothing behind."""

    @pytest.fixture
    def odd(self) -> Iterator[socket.socket]:
        """A socket that takes a handshake, but not the options of TCP."""
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        ):
            other.bind(("127.0.0.1", 0))
            sock.connect(other.getsockname())
            yield sock

    @pytest.mark.parametrize("path", ["/ws/orders/{}", "/api/v2/orders/{}/stream"])
    def test_a_socket_that_cannot_be_taken_over(
        self,
        tracker: Tracker,
        placed: tuple[Actor, Client, int],
        odd: socket.socket,
        path: str,
    ) -> None:
        _, client, order_id = placed
        handshake = HANDSHAKE if path.startswith("/ws") else {}
        with suppress(OSError, AssertionError):  # whatever it is answered
            client.http.get(
                path.format(order_id),
                headers={**client.headers, **handshake},
                environ_overrides={"gunicorn.socket": odd},
            )
        assert odd.fileno() == -1, "it was not even tried"
        assert tracker.presence.here() == 0
        assert tracker.hub._followers == {}

    def test_the_thread_cannot_be_started(
        self, tracker: Tracker, placed: tuple[Actor, Client, int]
    ) -> None:
        _, client, order_id = placed
        tracker.hub.stop()
        tracker.hub.join(20)
        tracker.hub.stopping = False  # as if it fell while nobody asked it to stop
        with socket.socket() as plain:
            answer = client.http.get(
                f"/ws/orders/{order_id}",
                headers={**client.headers, **HANDSHAKE},
                environ_overrides={"gunicorn.socket": plain},
            )
        problem(answer, 503, "live_unavailable")
        assert answer.headers["Retry-After"]
        assert tracker.presence.here() == 0

    def test_a_server_that_does_tls_itself(self, placed: tuple[Actor, Client, int]) -> None:
        """A session's keys stay with it: its socket is not to be handed on."""
        _, client, order_id = placed
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with context.wrap_socket(socket.socket(), server_side=True) as secured:
            for path in (f"/ws/orders/{order_id}", f"/api/v2/orders/{order_id}/stream"):
                handshake = HANDSHAKE if path.startswith("/ws") else {}
                answer = client.http.get(
                    path,
                    headers={**client.headers, **handshake},
                    environ_overrides={"gunicorn.socket": secured},
                )
                problem(answer, 501, "sockets_unsupported")
            assert secured.fileno() >= 0


def test_places_are_given_back_after_an_outage(apps: Apps, tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        shop = create_app(apps.settings("sqlite", bookstore_home=tmp_path))
        with shop.app_context():
            places = Presence(2)
            tracker = Tracker()
            resync = Resync(tracker.hub, places, context_maker())
            taken = [places.enter(7) for _ in range(2)]
            assert all(taken)
            assert places.enter(7) is None
            server.stop()
            for member in filter(None, taken):
                places.left(7)
                resync.left(7, member)
            for _ in range(2):
                with pytest.raises(redis.RedisError):
                    resync._give_back()
            server.start()  # it has kept the leases
            key = presence._key(7)

            def answers() -> bool:
                with suppress(redis.RedisError):  # it is left alone for a moment
                    return redis_handle.client.zcard(key) == 2
                return False

            wait_until(answers)
            resync._give_back()
            assert redis_handle.client.zcard(key) == 0
            assert places.enter(7) is not None
            redis_handle.client.close()
            db.engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_process_that_is_full(apps: Apps, shop: Flask, database: str) -> None:
    """It keeps the descriptors that it needs to accept and to answer."""
    with (
        LiveShop(apps.settings(database, web_workers=1, web_threads=4)) as running,
        ExitStack() as stack,
    ):
        followed = follow(shop, running)
        [worker] = psutil.Process(running.process.pid).children()
        worker.rlimit(psutil.RLIMIT_NOFILE, (72, 72))  # half of them are for sockets
        [(_, other)] = make_buyers(shop, 1)
        for number in range(36):
            token = followed.token if number < 18 else other
            read(stack.enter_context(followed.socket("/ws/notifications", token)))
        with refused(503, "live_unavailable"), followed.socket():
            pass
        stream = running.call("GET", f"/orders/{followed.order_id}/stream", None, followed.token)
        assert (stream.status_code, stream.json()["code"]) == (503, "live_unavailable")
        assert running.call("GET", "/books").status_code == 200
