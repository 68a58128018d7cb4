"""What is kept of ready answers, for how many, and who makes it when many ask at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry

from bookstore import create_app
from bookstore.extensions import db, redis_handle
from bookstore.gateways import cache, ready, scripts
from bookstore.services import catalog, catalog_cache
from tests.api.ready import app_asked
from tests.clients import Client, ok, problem
from tests.conftest import Apps


def test_refusals_are_not_kept(shop: Flask, book_ids: list[int]) -> None:
    client = Client(shop)
    with shop.app_context():
        names = set(redis_handle.client.keys("bookstore:cache:*"))
    for n in range(5):
        problem(client.get(f"/books?junk={n}"), 422, "validation_failed")
        problem(client.get(f"/books/{10**9 + n}"), 404, "not_found")
        ok(client.get(f"/books?q=word{n}"))
    with shop.app_context():
        left = set(redis_handle.client.keys("bookstore:cache:*")) - names
    assert left <= {cache.version_key("catalog").encode()}


def test_no_more_is_kept_than_there_is_room_for(shop: Flask, book_ids: list[int]) -> None:
    client = Client(shop)
    with shop.app_context():
        redis_handle.client.set(cache.key("catalog", "budget:True"), ready.BUDGET_BYTES)
    for path, times in (("/books?limit=7", 2), ("/books", 1)):
        with app_asked(shop) as asked:
            for _ in range(2):
                ok(client.get(path))
        assert len(asked) == times


def test_without_redis(shop: Flask, book_ids: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(shop)
    ok(client.get("/books"))
    away = redis.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    for name in ("bookstore_redis", "bookstore_redis_quick"):
        monkeypatch.setitem(shop.extensions, name, away)
    for _ in range(2):
        with app_asked(shop) as asked:
            answer = client.get("/books")
        assert len(asked) == 1
        assert len(ok(answer)["data"]) == 20
        assert "RateLimit" in answer.headers
    shop.extensions.pop("bookstore_rates")


def test_a_redis_that_was_restarted_knows_no_scripts(shop: Flask, book_ids: list[int]) -> None:
    client = Client(shop)
    ok(client.get("/books"))
    with shop.app_context():
        redis_handle.client.script_flush()
        redis_handle.client.client_kill_filter(_type="normal", skipme=True)
    with app_asked(shop) as asked:
        ok(client.get("/books"))
    assert not asked


def test_the_kernel_keeps_the_time(shop: Flask) -> None:
    script = scripts.Script("return 7")
    with shop.app_context():
        quick = redis_handle.quick
        assert script(quick, [], []) == 7
        line = scripts._lines[quick.connection_pool].idle[-1]
        assert line._sock.gettimeout() is None
        redis_handle.client.client_pause(5000, all=True)
        try:
            with pytest.raises(redis.RedisError):
                script(quick, [], [])
        finally:
            _unpause(shop)


def _unpause(shop: Flask) -> None:
    # CLIENT PAUSE holds up commands of everybody but those of this kind.
    fresh = redis_handle.clients.once(5)
    fresh.client_unpause()
    fresh.close()


def _visit() -> catalog_cache.Visit:
    desk = catalog_cache.Desk()
    found = desk.visit("192.0.2.1", desk.asked("/api/v2/books", ""), b"")
    assert found is not None
    return found


class TestFilling:
    """Many ask at once for what nobody has made."""

    @pytest.fixture
    def two(
        self, apps: Apps, shop: Flask, book_ids: list[int], database: str
    ) -> Iterator[list[Flask]]:
        """Two processes, for all that they know of each other."""
        other = create_app(apps.settings(database))
        yield [shop, other]
        with other.app_context():
            db.engine.dispose()

    def test_one_asks_the_database(self, two: list[Flask], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catalog_cache, "WAIT_SECONDS", 60)
        made: list[int] = []
        go_on = threading.Event()
        real = catalog.list_books

        def list_slowly(*given: object, **more: object) -> object:
            made.append(1)
            go_on.wait(20)
            return real(*given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(catalog, "list_books", list_slowly)
        looks: list[int] = []
        real_look = ready.look

        def look(place: ready.Place) -> ready.Found | None:
            looks.append(1)
            if len(looks) >= 39:  # all the others wait by now
                go_on.set()
            return real_look(place)

        monkeypatch.setattr(ready, "look", look)
        encodings = ("br", "gzip", "identity", "br")
        with ThreadPoolExecutor(40) as pool:
            answers = list(
                pool.map(
                    lambda n: Client(two[n % 2]).get("/books", Accept_Encoding=encodings[n % 4]),
                    range(40),
                )
            )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.data for answer in answers}) == 3
        assert len(made) == 1

    def test_who_fills_may_die(self, two: list[Flask], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catalog_cache, "WAIT_SECONDS", 0.02)
        with two[0].app_context():
            visit = _visit()
            assert visit.found is not None
            assert visit.found.lock is not None  # and now it is killed
            other = _visit()
            assert other.found is not None
            assert other.found.is_awaited
            assert other.found.lock is None
        assert len(ok(Client(two[1]).get("/books"))["data"]) == 20
        with app_asked(two[1]) as asked:
            ok(Client(two[1]).get("/books"))
        assert not asked

    def test_who_has_nothing_to_keep_lets_others_go_on(self, two: list[Flask]) -> None:
        for _ in range(3):
            problem(Client(two[0]).get("/books/999999999"), 404, "not_found")
        with two[0].app_context():
            assert not redis_handle.client.keys(cache.key("catalog", "lock:*"))

    def test_a_change_ends_the_wait_for_what_was_before(self, two: list[Flask]) -> None:
        with two[0].app_context():
            first = _visit()
            catalog_cache.clear()
            second = _visit()
            assert first.found is not None
            assert second.found is not None
            assert second.found.lock is not None
            assert second.found.version != first.found.version
