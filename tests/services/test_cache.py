"""The catalogue's cache: never stale after a commit, and no need of Redis."""

import threading

import pytest
import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select

from bookstore.extensions import db, redis_handle
from bookstore.gateways import cache
from bookstore.models import Book
from bookstore.services import catalog_cache, catalog_editing
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_book


def test_made_once_until_something_changes(app: Flask) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b"answer %d" % len(made)

    first = [catalog_cache.get_or_make("k", 60, make) for _ in range(3)]
    assert first == [b"answer 1"] * 3
    with unit_of_work():
        catalog_cache.changed()
    assert catalog_cache.get_or_make("k", 60, make) == b"answer 2"


def test_what_a_commit_overtakes_is_never_served(app: Flask) -> None:
    def make_slowly() -> bytes:
        # Another process commits while this one is still reading the old rows.
        with unit_of_work():
            catalog_cache.changed()
        return b"old"

    assert catalog_cache.get_or_make("k", 60, make_slowly) == b"old"
    assert catalog_cache.get_or_make("k", 60, lambda: b"new") == b"new"


def test_a_rollback_leaves_the_cache_alone(app: Flask) -> None:
    before = cache.version("catalog")
    with pytest.raises(ZeroDivisionError), unit_of_work():
        catalog_cache.changed()
        _ = 1 / 0
    assert cache.version("catalog") == before


def test_a_redis_that_forgot_everything_is_not_believed(app: Flask) -> None:
    old = cache.version("catalog")
    redis_handle.client.flushall()
    assert cache.version("catalog") not in {None, old}


def test_a_bump_owed_is_paid_when_redis_is_back(app: Flask, home: object) -> None:
    there = redis_handle.insistent
    catalog_cache.get_or_make("k", 60, lambda: b"old")
    app.extensions["bookstore_redis_now"] = away = redis.Redis(
        port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0)
    )
    try:
        with unit_of_work():
            catalog_cache.changed()
        assert cache.version("catalog") is None
        # The debt's own client finds Redis again: the same server by another way.
        away.connection_pool = there.connection_pool
    finally:
        app.extensions["bookstore_redis_now"] = there
    threads = [t for t in threading.enumerate() if t.name == "cache-debt"]
    for thread in threads:
        thread.join(timeout=10)
    assert catalog_cache.get_or_make("k", 60, lambda: b"new") == b"new"


def test_a_process_that_leaves_redis_alone_still_says_what_is_stale(app: Flask) -> None:
    catalog_cache.get_or_make("k", 60, lambda: b"old")
    client = redis_handle.client
    where = client.connection_pool.connection_kwargs
    client.connection_pool.reset()
    path = where["path"]
    where["path"] = f"{path}.gone"
    with pytest.raises(redis.ConnectionError):
        client.ping()
    client.connection_pool.reset()
    where["path"] = path
    with pytest.raises(redis.ConnectionError, match="a moment ago"):
        client.ping()
    with unit_of_work():
        catalog_cache.changed()
    # Another process, that had no trouble with Redis.
    app.extensions["bookstore_redis"] = redis_handle.insistent
    assert catalog_cache.get_or_make("k", 60, lambda: b"new") == b"new"


def test_a_snapshot_begun_before_a_commit_is_not_cached_after_it(app: Flask) -> None:
    book = make_book(price=1111)
    # As a request does that first reads who is asking: on SQLite this fixes what it sees.
    db.session.execute(select(Book.price)).all()

    def edit() -> None:
        with app.app_context():
            catalog_editing.update_book(SYSTEM, book.id, {"price": 4242})

    editor = threading.Thread(target=edit)
    editor.start()
    editor.join()

    def read() -> bytes:
        return b"%d" % db.session.scalars(select(Book.price)).one()

    assert catalog_cache.get_or_make("k", 60, read) == b"4242"
    db.session.rollback()
    assert catalog_cache.get_or_make("k", 60, read) == b"4242"
