"""Reads go to the replica, but nobody misses there what they wrote."""

from collections.abc import Iterator

import pytest
import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, select

from bookstore import create_app
from bookstore.extensions import db
from bookstore.models import User
from bookstore.services import reading
from bookstore.services.actors import GUEST
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, wait_until
from tests.conftest import Apps
from tests.factories import log_in, make_book, make_user, new_book, reader_and_clerk
from tests.replicas.asking import asked, caught_up, replicas_of
from tests.replicas.servers import ReplicaServer

IN_RECOVERY = select(func.pg_is_in_recovery())


@pytest.fixture
def other(apps: Apps, shop: Flask) -> Iterator[Flask]:
    """The shop as another process has it."""
    app = create_app(apps.settings("postgresql"))
    caught_up(app)
    yield app
    replicas_of(app).stop()
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def test_a_guest_reads_from_the_replica(shop: Flask, client: Client) -> None:
    book_id = new_book(shop, title="Far away")
    caught_up(shop)
    with asked(shop) as statements:
        assert ok(client.get(f"/books/{book_id}"))["title"] == "Far away"
        assert len(ok(client.get("/books"))["data"]) == 1
    assert statements["primary"] == []
    assert statements["replica"]


def test_who_may_come_in_is_asked_of_the_primary(shop: Flask) -> None:
    reader = log_in(shop, make_user_in(shop))
    caught_up(shop)
    with asked(shop) as statements:
        ok(reader.get("/wishlist"))
    assert len(statements["primary"]) == 1
    assert "login_sessions" in statements["primary"][0]
    assert statements["replica"]


def make_user_in(shop: Flask) -> User:
    with shop.app_context():
        return make_user()


def test_who_wrote_reads_it(shop: Flask, other: Flask, replica: ReplicaServer) -> None:
    book_id = new_book(shop)
    reader, _ = reader_and_clerk(shop)
    elsewhere = Client(other, reader.headers)
    caught_up(shop)
    caught_up(other)
    with replica.paused():
        ok(reader.post("/cart/items", {"book_id": book_id, "quantity": 2}), 201)
        for client in (reader, elsewhere):
            assert ok(client.get("/cart"))["total_items"] == 2
    caught_up(shop)
    with asked(shop) as statements:
        assert ok(reader.get("/cart"))["total_items"] == 2
    assert len(statements["primary"]) == 1  # who it is
    assert statements["replica"]


def test_a_guest_reads_the_cart_that_they_filled(
    shop: Flask, other: Flask, client: Client, replica: ReplicaServer
) -> None:
    book_id = new_book(shop)
    caught_up(shop)
    caught_up(other)
    with replica.paused():
        opened = client.post("/cart/items", {"book_id": book_id, "quantity": 1})
        guest = {"X-Cart-Token": opened.headers["X-Cart-Token"]}
        assert ok(Client(other, guest).get("/cart"))["total_items"] == 1
        ok(Client(shop, guest).post("/cart/items", {"book_id": book_id, "quantity": 1}), 201)
        assert ok(Client(other, guest).get("/cart"))["total_items"] == 2


def test_what_others_wrote_may_come_later(
    shop: Flask, client: Client, replica: ReplicaServer
) -> None:
    book_id = new_book(shop)
    reader, _ = reader_and_clerk(shop)
    caught_up(shop)
    reviews = f"/books/{book_id}/reviews"
    with replica.paused():
        ok(reader.post(reviews, {"rating": 5, "title": "Good", "comment": "It is."}), 201)
        assert len(ok(reader.get(reviews))["data"]) == 1
        assert ok(client.get(reviews))["data"] == []
    caught_up(shop)
    assert len(ok(client.get(reviews))["data"]) == 1


def test_a_buyer_reads_what_staff_did_with_their_order(shop: Flask, replica: ReplicaServer) -> None:
    book_id = new_book(shop)
    reader, clerk = reader_and_clerk(shop)
    ok(reader.post("/cart/items", {"book_id": book_id, "quantity": 1}), 201)
    order = ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    redis_client(shop).flushall()
    caught_up(shop)
    with replica.paused():
        ok(clerk.post(f"/orders/{order['id']}/cancel"))
        assert ok(reader.get("/orders"))["data"][0]["status"] == "cancelled"


def test_a_key_reads_what_its_owner_wrote(shop: Flask, replica: ReplicaServer) -> None:
    book_id = new_book(shop)
    _, clerk = reader_and_clerk(shop)
    made = ok(clerk.post("/me/api-keys", {"name": "till", "scopes": ["catalog:read"]}), 201)
    program = Client(shop, {"X-API-Key": made["key"]})
    ok(program.get("/books"))  # its first use is written down
    caught_up(shop)
    with replica.paused():
        ok(clerk.post(f"/books/{book_id}/reviews", {"rating": 4}), 201)
        assert len(ok(program.get(f"/books/{book_id}/reviews"))["data"]) == 1


def test_a_mark_that_redis_missed_is_made_up_for(
    shop: Flask, other: Flask, replica: ReplicaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_id = new_book(shop)
    reader, _ = reader_and_clerk(shop)
    caught_up(other)
    there = shop.extensions["bookstore_redis_now"]
    away = redis.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with replica.paused():
        with monkeypatch.context() as patched:
            patched.setitem(shop.extensions, "bookstore_redis_now", away)
            ok(reader.post("/cart/items", {"book_id": book_id, "quantity": 1}), 201)
            # The one who owes it knows that a mark is missing.
            assert ok(reader.get("/cart"))["total_items"] == 1
            away.connection_pool = there.connection_pool
            wait_until(lambda: any(redis_client(shop).scan_iter("bookstore:wrote:user:*")))
        assert ok(Client(other, reader.headers).get("/cart"))["total_items"] == 1


def test_who_is_logged_out_is_refused_at_once(shop: Flask, replica: ReplicaServer) -> None:
    reader = log_in(shop, make_user_in(shop))
    caught_up(shop)
    with replica.paused():
        sessions = ok(reader.get("/me/sessions"))["data"]
        ok(reader.delete(f"/me/sessions/{sessions[0]['id']}"), 204)
        assert reader.get("/wishlist").status_code == 401


def test_who_just_registered_finds_their_account(
    shop: Flask, client: Client, replica: ReplicaServer
) -> None:
    password = "a password for tests"
    account = {"username": "newcomer", "email": "new@example.com", "password": password}
    with replica.paused():
        ok(client.post("/auth/register", account), 201)
        found = ok(client.post("/auth/token", {"username": "newcomer", "password": password}))
        assert ok(client.with_token(found["access"]).get("/me"))["username"] == "newcomer"


def test_the_cache_is_not_filled_from_a_replica_that_lags(
    shop: Flask, other: Flask, client: Client, replica: ReplicaServer
) -> None:
    book_id = new_book(shop, title="Old")
    _, clerk = reader_and_clerk(shop)
    caught_up(shop)
    caught_up(other)
    assert ok(client.get("/books"))["data"][0]["title"] == "Old"
    tag = clerk.get(f"/books/{book_id}").headers["ETag"]
    with replica.paused():
        ok(clerk.patch(f"/books/{book_id}", {"title": "New"}, If_Match=tag))
        # Nobody of these wrote it, but what they fill the cache with is for all.
        for guest in (Client(other), client):
            assert ok(guest.get("/books"))["data"][0]["title"] == "New"
        redis_client(shop).flushall()
        assert ok(Client(other).get("/books"))["data"][0]["title"] == "New"
    assert ok(client.get("/books"))["data"][0]["title"] == "New"


def redis_client(shop: Flask) -> "redis.Redis":
    found: redis.Redis = shop.extensions["bookstore_redis"]
    return found


def test_without_redis_users_read_the_primary(
    shop: Flask, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_id = new_book(shop)
    reader = log_in(shop, make_user_in(shop))
    caught_up(shop)
    away = redis.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with monkeypatch.context() as patched:
        patched.setitem(shop.extensions, "bookstore_redis_quick", away)
        with asked(shop) as statements:
            ok(reader.get("/cart"))
        assert statements["replica"] == []
        with asked(shop) as statements:
            ok(client.get(f"/books/{book_id}/reviews"))
        assert statements["primary"] == []
    # A mark of that time may be missing.
    with asked(shop) as statements:
        ok(reader.get("/cart"))
    assert statements["replica"] == []


def test_graphql_reads_from_the_replica_and_writes_to_the_primary(
    shop: Flask, client: Client
) -> None:
    new_book(shop, title="Asked for")
    caught_up(shop)
    with asked(shop) as statements:
        found = ok(client.post("/graphql/", {"query": "{ allBooks { title } }"}))
    assert found["data"]["allBooks"] == [{"title": "Asked for"}]
    assert statements["primary"] == []
    reader = log_in(shop, make_user_in(shop))
    mutation = "mutation { addToCart(bookId: 1) { cart { totalItems } } }"
    with asked(shop) as statements:
        client.with_token(reader.headers["Authorization"].split()[1]).post(
            "/graphql/", {"query": mutation}
        )
    assert statements["replica"] == []


def test_inside_a_unit_of_work_and_after_it_the_primary_is_read(shop: Flask) -> None:
    with shop.app_context():
        caught_up(shop)
        with asked(shop) as statements:
            reading.begin(GUEST)
            before = db.session.scalar(IN_RECOVERY)
            with unit_of_work() as session:
                reading.begin(GUEST)
                inside = session.scalar(IN_RECOVERY)
            after = db.session.scalar(IN_RECOVERY)
        assert (before, inside, after) == (True, False, False)
        assert len(statements["replica"]) == 1
        make_book()
