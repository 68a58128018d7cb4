"""A shop whose Redis is a master with Sentinels, or a cluster; its database is beside the point.

``place`` is that Redis, ``there`` the app on it, ``processes`` are what serves and works on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from bookstore import create_app
from bookstore.config import Settings
from bookstore.extensions import db, redis_handle
from tests.clients import LiveShop
from tests.conftest import Apps
from tests.processes import LiveWorker
from tests.redis.servers import Cluster, Place, Sentinels


@pytest.fixture(scope="module", params=[Sentinels, Cluster], ids=["sentinel", "cluster"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    with request.param(tmp_path_factory.mktemp("redis") / "servers") as running:
        yield running


@pytest.fixture(scope="module")
def settings(place: Place, apps: Apps, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home: Path = tmp_path_factory.mktemp("home-there")
    return apps.settings(
        "sqlite", redis_url=place.url, bookstore_home=home, web_workers=1, web_threads=4
    )


@pytest.fixture(scope="module")
def app_there(apps: Apps, settings: Settings) -> Iterator[Flask]:
    apps.get("sqlite")
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()
        for client in (redis_handle.client, redis_handle.insistent, redis_handle.quick):
            client.close()
        redis_handle.queue.close()


@pytest.fixture
def there(apps: Apps, app_there: Flask) -> Flask:
    apps.empty("sqlite")
    with app_there.app_context():
        redis_handle.client.flushall()
    return app_there


@dataclass
class Processes:
    """The shop's, on that Redis: of the web, and a worker for each queue."""

    live: LiveShop
    outgoing: LiveWorker
    jobs: LiveWorker


@pytest.fixture(scope="module")
def processes(app_there: Flask, settings: Settings) -> Iterator[Processes]:
    with (
        LiveWorker(settings, "outgoing") as outgoing,
        LiveWorker(settings, "jobs") as jobs,
        LiveShop(settings) as live,
    ):
        yield Processes(live, outgoing, jobs)
