"""A replica that is away, hangs or lags costs nobody anything: the primary is read, for a while."""

import logging
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import case, func, select, text

from bookstore import create_app
from bookstore.engine import LIMITS
from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services import health, reading, watching
from bookstore.services.actors import GUEST
from tests.clients import Client, LiveShop, ok, wait_until
from tests.conftest import Apps
from tests.factories import new_book
from tests.replicas.asking import asked, caught_up, replicas_of
from tests.replicas.servers import ReplicaServer
from tests.servers import PostgresServer

IN_RECOVERY = select(func.pg_is_in_recovery())


@pytest.fixture
def strict(apps: Apps, shop: Flask) -> Iterator[Flask]:
    """The shop, where a replica may be a second behind."""
    app = create_app(apps.settings("postgresql", database_replica_lag=2))
    caught_up(app)
    yield app
    replicas_of(app).stop()
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def reads_replica(app: Flask) -> bool:
    with app.app_context():
        reading.begin(GUEST)
        return bool(db.session.scalar(IN_RECOVERY))


def test_one_that_lags_is_not_read_until_it_has_caught_up(
    strict: Flask, replica: ReplicaServer, caplog: pytest.LogCaptureFixture
) -> None:
    changes = watching.Changes()

    def note() -> dict[str, str]:
        with strict.app_context():
            state = health.look()
            changes.note_replicas(state.replicas)
            return state.checks()

    assert note()["replicas"] == "ok"
    assert reads_replica(strict)
    with replica.paused(), caplog.at_level(logging.WARNING, "bookstore.watch"):
        new_book(strict)
        wait_until(lambda: not reads_replica(strict))
        assert note()["replicas"].startswith("1 is more than ")
        answer = Client(strict).get("/readyz")
        assert answer.status_code == 200
        assert ok(answer)["status"] == "degraded"
        note()
    wait_until(lambda: reads_replica(strict))
    assert note()["replicas"] == "ok"
    said = [record.message for record in caplog.records if record.name == "bookstore.watch"]
    assert said == [
        "replica 1 is away or behind: the primary is read",
        "replica 1 is read from again",
    ]


def test_an_idle_primary_has_no_lag(strict: Flask) -> None:
    found = replicas_of(strict)
    for _ in range(3):
        caught_up(strict)
        assert found.states() == {"1": "ok"}


def lag_of(app: Flask, name: str) -> float:
    """Return how far behind a replica is by the shop's figures."""
    text = Client(app).get("/metrics").get_data(as_text=True)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "bookstore_replica_lag_seconds" and sample.labels["replica"] == name:
                return sample.value
    raise AssertionError(text)


def test_a_server_that_is_no_replica_is_not_read(
    apps: Apps, shop: Flask, primary: PostgresServer
) -> None:
    url = primary.url(f"shop_{apps.worker}")
    app = create_app(apps.settings("postgresql", database_replica_url=url))
    found = replicas_of(app)
    found.look()
    assert found.states() == {"1": "not a replica"}
    assert not reads_replica(app)
    found.stop()
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def test_one_of_two_is_enough(apps: Apps, shop: Flask, replica: ReplicaServer) -> None:
    good = replica.url(f"shop_{apps.worker}")
    urls = f"postgresql://postgres@/shop?host={replica.folder}/nowhere, {good}"
    app = create_app(apps.settings("postgresql", database_replica_url=urls))
    caught_up(app)
    assert replicas_of(app).states() == {"1": "unreachable", "2": "ok"}
    assert all(reads_replica(app) for _ in range(3))
    # Other apps in this process count their only one as 1, too.
    wait_until(lambda: lag_of(app, "1") == 600)
    assert lag_of(app, "2") < 600
    replicas_of(app).stop()
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


def test_a_read_that_the_replica_gives_up_is_done_by_the_primary(shop: Flask) -> None:
    """As when it has to clean up what a long read still sees, or is shut down."""
    new_book(shop)
    caught_up(shop)
    with shop.app_context():
        reading.begin(GUEST)
        pid = db.session.scalar(select(func.pg_backend_pid()))
        with db.engines["replica0"].connect() as other:
            other.execute(text(f"SELECT pg_terminate_backend({pid})"))
        with asked(shop) as statements:
            assert db.session.scalar(select(func.count(Book.id))) == 1
            assert db.session.scalar(IN_RECOVERY) is False
    assert len(statements["replica"]) == 1
    caught_up(shop)
    assert reads_replica(shop)


def test_a_read_that_takes_too_long_is_not_done_twice(shop: Flask) -> None:
    with shop.app_context():
        reading.begin(GUEST)
        db.session.connection().exec_driver_sql("SET statement_timeout = 50")
        with asked(shop) as statements, pytest.raises(db.exc.OperationalError):
            db.session.execute(select(func.pg_sleep(5)))
        assert statements["primary"] == []
        db.session.connection().invalidate()


def test_the_limits_hold_there_too(shop: Flask) -> None:
    query = "SELECT lower(name) AS name, setting FROM pg_settings"
    with shop.app_context(), db.engines["replica0"].connect() as connection:
        found = {row.name: row.setting for row in connection.execute(text(query))}
    assert {name: found[name] for name in LIMITS} == LIMITS


def test_a_transaction_that_idles_is_ended_there_too(shop: Flask) -> None:
    """And what reads on in it is answered by the primary."""
    new_book(shop)
    caught_up(shop)
    with shop.app_context():
        reading.begin(GUEST)
        session = db.session.connection()
        session.exec_driver_sql("SET idle_in_transaction_session_timeout = 200")
        pid = session.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        there = text(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}")
        with db.engines["replica0"].connect() as other:
            other = other.execution_options(isolation_level="AUTOCOMMIT")
            wait_until(lambda: other.scalar(there) == 0)
        assert db.session.scalar(IN_RECOVERY) is False
    caught_up(shop)
    assert reads_replica(shop)


@pytest.mark.faults
def test_a_read_that_stands_in_the_way_of_replaying(
    shop: Flask, replica: ReplicaServer, primary: PostgresServer
) -> None:
    book_id = new_book(shop)
    caught_up(shop)
    replica.hurry()
    with shop.app_context():
        reading.begin(GUEST)
        # On the primary, where it is asked again, nothing is in its way.
        pause = case((func.pg_is_in_recovery(), 60), else_=0)
        seen = select(func.count(Book.id), func.pg_sleep(pause))
        thread = threading.Thread(target=clean_up, args=[shop, replica, book_id])
        thread.start()
        with asked(shop) as statements:
            assert db.session.execute(seen).scalar() == 1
        thread.join()
    assert len(statements["replica"]) == 1
    assert [text for text in statements["primary"] if "pg_sleep" in text]


def clean_up(shop: Flask, replica: ReplicaServer, book_id: int) -> None:
    """Leave dead rows of a book, and have them removed, when the replica is being read."""
    wait_until(lambda: replica.is_asked("pg_sleep"))
    with shop.app_context(), db.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        for _ in range(3):
            connection.execute(text(f"UPDATE books SET sold = sold + 1 WHERE id = {book_id}"))
            connection.execute(text("VACUUM books"))


@pytest.mark.faults
def test_one_that_is_killed(shop: Flask, client: Client, replica: ReplicaServer) -> None:
    book_id = new_book(shop)
    caught_up(shop)
    reviews = f"/books/{book_id}/reviews"
    for _ in range(3):
        ok(client.get(reviews))
    replica.kill()
    for _ in range(5):
        ok(client.get(reviews))
    before = lag_of(shop, "1")
    wait_until(lambda: lag_of(shop, "1") > before)
    replica.start()
    wait_until(lambda: reads_replica(shop))
    with asked(shop) as statements:
        ok(client.get(reviews))
    assert statements["primary"] == []


@pytest.mark.faults
def test_one_that_hangs(shop: Flask, replica: ReplicaServer) -> None:
    new_book(shop)
    caught_up(shop)
    found: list[int | None] = []

    def read() -> None:
        with shop.app_context():
            reading.begin(GUEST)
            found.append(db.session.scalar(select(func.count(Book.id))))

    with replica.frozen():
        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert found == [1] * 6
        assert not reads_replica(shop)
    wait_until(lambda: reads_replica(shop))


@pytest.mark.faults
def test_a_live_shop_goes_on_without_its_replica(
    live: LiveShop, shop: Flask, replica: ReplicaServer
) -> None:
    book_id = new_book(shop)

    def reads() -> list[int]:
        return [live.call("GET", f"/books/{book_id}/reviews").status_code for _ in range(20)]

    assert set(reads()) == {200}
    with replica.frozen():
        assert set(reads()) == {200}
    replica.kill()
    assert set(reads()) == {200}
    replica.start()
    assert set(reads()) == {200}
