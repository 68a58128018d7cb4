"""/metrics: what it shows, to whom, and what it says when something is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from bookstore import clock, create_app
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways import claims, presence, queue
from bookstore.models import Email, OutcomeCount, WebhookDelivery, WebhookEndpoint
from bookstore.services import channels, events, metrics
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client, problem
from tests.conftest import SECRET, Apps
from tests.factories import make_user

Samples = dict[tuple[str, ...], float]


def scrape(client: Client, **headers: str) -> Samples:
    """Return {(name, label values…): value} of a scrape."""
    answer = client.get("/metrics", **headers)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.content_type.startswith("text/plain; version=")
    found = text_string_to_metric_families(answer.get_data(as_text=True))
    return {
        (sample.name.removeprefix("bookstore_"), *sample.labels.values()): sample.value
        for family in found
        for sample in family.samples
    }


def endpoint(url: str, deliveries: int, **values: object) -> None:
    """Make an endpoint with so many deliveries, due a minute ago."""
    with unit_of_work() as session:
        made = WebhookEndpoint(url=url, secret=b"sealed", **values)
        session.add(made)
        session.flush()
        for _ in range(deliveries):
            data = {"endpoint_id": made.id}
            events.record("ping", data, aggregate_id=made.id, only_endpoint=made.id)
        session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.endpoint_id == made.id)
            .values(next_attempt_at=clock.now() - timedelta(seconds=60))
        )


def test_what_waits_and_how_it_went(app: Flask, client: Client) -> None:
    now = clock.now()
    endpoint("http://a.example", 3)
    endpoint("http://b.example", 2, is_active=False, disabled_reason="gone")
    endpoint("http://c.example", 1, open_until=now + timedelta(seconds=60))
    user = make_user()
    with unit_of_work() as session:
        later = now + timedelta(hours=1)
        session.add(Email(user_id=user.id, template="password_reset", next_attempt_at=later))
        session.add(Email(user_id=user.id, template="password_reset", status="succeeded"))
        session.add(OutcomeCount(channel="email", outcome="succeeded", count=7))
    queue.enqueue("bookstore.jobs.maintain")
    claims.note_sweep()
    presence.Presence(20).report({"open": 4, "sent": 9})
    presence.Presence(20).report({"open": 3})
    found = scrape(client)
    assert found["outgoing_pending", "webhooks"] == 6
    assert found["outgoing_due", "webhooks"] == 3
    assert found["outgoing_held", "webhooks"] == 2
    assert 60 <= found["outgoing_oldest_due_seconds", "webhooks"] < 120
    assert (found["outgoing_pending", "email"], found["outgoing_due", "email"]) == (1, 0)
    assert found["outgoing_oldest_due_seconds", "email"] == 0
    assert found["outgoing_pending", "push"] == 0
    assert found["outgoing_outcomes_total", "email", "succeeded"] == 7
    assert (found["webhook_breakers_open",], found["webhook_endpoints_disabled",]) == (1, 1)
    # Six messages woke the worker once.
    assert (found["queue_depth", "jobs"], found["queue_depth", "outgoing"]) == (1, 1)
    assert (found["workers", "jobs"], found["workers", "outgoing"]) == (0, 0)
    assert 0 <= found["last_sweep_seconds",] < 60
    assert found["sockets_open",] == 7
    assert (found["up", "database"], found["up", "redis"]) == (1, 1)


def test_channels_have_one_name(app: Flask) -> None:
    assert [channel.name for channel in channels.every()] == list(metrics.CHANNELS)


def test_counts_stop(app: Flask, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint("http://a.example", 5)
    monkeypatch.setattr(metrics, "MOST", 3)
    assert scrape(client)["outgoing_pending", "webhooks"] == 3


def test_alarms(app: Flask) -> None:
    alarms = metrics.collect().alarms()
    assert "no worker works on the queue outgoing" in alarms
    assert "no scheduler has swept yet" in alarms
    assert not any("due for" in alarm for alarm in alarms)
    endpoint("http://a.example", 1)
    with unit_of_work() as session:
        session.execute(
            update(WebhookDelivery).values(next_attempt_at=clock.now() - timedelta(seconds=90))
        )
    assert any(alarm.startswith("webhooks: something") for alarm in metrics.collect().alarms())


@contextmanager
def another(settings: Settings) -> Iterator[Client]:
    """Give a client of a second app, and let go of its connections afterwards."""
    app = create_app(settings)
    yield Client(app)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"])
class TestAccess:
    """Who may read."""

    def test_a_token_is_asked_for(self, apps: Apps, database: str) -> None:
        apps.empty(database)
        with another(apps.settings(database, metrics_token="let me in")) as client:
            problem(client.get("/metrics"), 401, "unauthenticated")
            for wrong in ("Bearer let me out", "Basic let me in", "Bearer", "Bearer ü"):
                answer = client.get("/metrics", Authorization=wrong.encode().decode("latin-1"))
                problem(answer, 401, "unauthenticated")
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert scrape(client, Authorization="Bearer let me in")["up", "database"] == 1

    def test_without_a_token_production_is_closed(self, apps: Apps, database: str) -> None:
        with another(apps.settings(database, bookstore_env="production")) as client:
            problem(client.get("/metrics"), 404, "not_found")


@pytest.mark.parametrize("database", ["sqlite"])
def test_without_redis_the_rest_is_shown(apps: Apps, database: str, tmp_path: Path) -> None:
    apps.empty(database)
    away = f"unix://{tmp_path / 'nobody.sock'}"
    with another(apps.settings(database, redis_url=away)) as client:
        found = scrape(client)
    assert (found["up", "redis"], found["up", "database"]) == (0, 1)
    assert found["outgoing_pending", "webhooks"] == 0
    assert ("queue_depth", "outgoing") not in found


def test_without_a_database_the_rest_is_shown(tmp_path: Path, redis_server: object) -> None:
    settings = Settings(
        bookstore_env="testing",
        bookstore_home=tmp_path,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url=getattr(redis_server, "url"),  # noqa: B009
        secret_key=SECRET,
    )
    with another(settings) as client:
        found = scrape(client)
    assert (found["up", "database"], found["up", "redis"]) == (0, 1)
    assert found["queue_depth", "outgoing"] == 0
    assert ("outgoing_pending", "webhooks") not in found
