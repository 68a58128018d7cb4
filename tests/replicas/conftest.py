"""One primary and one replica a test session; ``shop`` reads from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from bookstore.config import Settings
from bookstore.extensions import db
from tests.conftest import Apps
from tests.replicas.asking import caught_up, replicas_of
from tests.replicas.servers import ReplicaServer
from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("primary")) as server:
        yield server


@pytest.fixture(scope="session")
def replica_server(
    tmp_path_factory: pytest.TempPathFactory, primary: PostgresServer
) -> Iterator[ReplicaServer]:
    with ReplicaServer(tmp_path_factory.mktemp("replica"), primary) as server:
        yield server


@pytest.fixture
def replica(replica_server: ReplicaServer) -> ReplicaServer:
    """The replica, running and not paused, whatever the test before did."""
    replica_server.start()
    replica_server.resume()
    return replica_server


class ReplicatedApps(Apps):
    """Apps on a primary with a replica."""

    def __init__(
        self,
        home: Path,
        request: pytest.FixtureRequest,
        primary: PostgresServer,
        replica: ReplicaServer,
    ) -> None:
        super().__init__(home, request)
        self.primary, self.replica = primary, replica

    def server(self) -> PostgresServer:
        return self.primary

    def settings(self, database: str, **changes: object) -> Settings:
        url = self.replica.url(f"shop_{self.worker}")
        return super().settings(database, **{"database_replica_url": url, **changes})


@pytest.fixture(scope="session")
def apps(
    home: Path,
    request: pytest.FixtureRequest,
    primary: PostgresServer,
    replica_server: ReplicaServer,
) -> Iterator[Apps]:
    made = ReplicatedApps(home, request, primary, replica_server)
    yield made
    for app in made.made.values():
        replicas_of(app).stop()
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


@pytest.fixture(params=["postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(apps: Apps, database: str, replica: ReplicaServer) -> Flask:
    app = apps.empty(database)
    caught_up(app)
    return app
