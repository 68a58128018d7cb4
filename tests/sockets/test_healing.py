"""No change is missed and none comes twice, whatever happens to Redis (invariant 16)."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest
from flask import Flask
from websockets.exceptions import ConnectionClosed

from bookstore import create_app
from bookstore.extensions import db, redis_handle
from bookstore.gateways.embedded_redis import EmbeddedRedis
from tests.clients import LiveShop
from tests.conftest import Apps
from tests.sockets.following import Followed, follow, read

pytestmark = pytest.mark.faults


@pytest.fixture
def broken(
    apps: Apps, shop: Flask, database: str, tmp_path: Path
) -> Iterator[tuple[EmbeddedRedis, Followed]]:
    """A shop with a Redis of its own, that may be stopped."""
    settings = apps.settings(database, web_workers=2, web_threads=4, bookstore_home=tmp_path)
    mine = create_app(settings)  # publishes to that Redis, too
    with EmbeddedRedis(tmp_path) as server, LiveShop(settings) as live:
        yield server, follow(mine, live)
    with mine.app_context():
        db.engine.dispose()
        redis_handle.client.close()


class Watcher(Thread):
    """Follows an order to its last version, connecting anew now and then; keeps what it sees."""

    def __init__(self, followed: Followed, last: int, patience: int | None) -> None:
        super().__init__(daemon=True)
        self.followed, self.last, self.patience = followed, last, patience
        self.seen: list[int] = []
        self.restarts = 0

    def run(self) -> None:
        """Until the last version is seen."""
        while not self.seen or self.seen[-1] < self.last:
            with ExitStack() as stack:
                try:
                    client = stack.enter_context(self.followed.socket())
                    mine = [read(client)["order"]["version"]]
                    while mine[-1] < self.last and len(mine) != self.patience:
                        mine.append(read(client, 60)["update"]["version"])
                except (ConnectionClosed, OSError):
                    continue
            # Within one socket each version is newer than the one before; and no snapshot is
            # older than what an earlier socket has shown.
            assert mine == sorted(set(mine)), mine
            assert not self.seen or mine[0] >= self.seen[-1]
            self.seen += mine
            self.restarts += 1


def test_versions_grow_and_the_last_arrives(broken: tuple[EmbeddedRedis, Followed]) -> None:
    """Changes are committed while Redis restarts, and published into nothing."""
    server, followed = broken
    count = 300
    watchers = [Watcher(followed, 1 + count, n) for n in (None, None, 5, 20, 60)]
    for watcher in watchers:
        watcher.start()
    for number in range(count):
        if number in {100, 200}:
            server.stop()
        if number in {130, 230}:
            server.start()
        followed.change()
        if number % 60 == 59:
            Event().wait(0.2)  # let the watchers see some of it
    for watcher in watchers:
        watcher.join(90)
        assert not watcher.is_alive()
        assert watcher.seen[-1] == 1 + count
    assert watchers[2].restarts > 1


def test_what_was_published_while_nobody_listened(broken: tuple[EmbeddedRedis, Followed]) -> None:
    server, followed = broken
    with followed.socket() as client:
        read(client)
        # Lost without a word: found by the comparison every 15 s.
        followed.change(publish=False)
        assert read(client, 60)["update"]["version"] == 2
        # Redis away for good: the comparison goes on.
        server.stop()
        followed.change()
        assert read(client, 60)["update"]["version"] == 3
        # Redis is back, and empty: live again, by publishing.
        server.start()
        followed.change(publish=False)
        assert read(client, 60)["update"]["version"] == 4
        with followed.shop.app_context():
            redis_handle.client.flushall()
        followed.change(publish=False)
        client.send('{"type": "sync"}')
        assert read(client, 60)["update"]["version"] == 5
    with followed.socket() as client:
        assert read(client)["order"]["version"] == 5
