"""Endpoints and deliveries for tests of webhooks; each needs an app context."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways.webhook_http import Client
from bookstore.models import (
    OutcomeCount,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSubscription,
)
from bookstore.services import draining, events, vault, webhook_signing
from bookstore.services.webhook_delivery import Webhooks
from bookstore.unit_of_work import unit_of_work
from tests.clients import wait_until
from tests.fakes.receiver import Receiver


def endpoint(url: str, owner: User | None = None, pattern: str = "*", **fields: Any) -> int:
    """Return the id of a new endpoint."""
    with unit_of_work() as session:
        fields.setdefault("secret", vault.seal(webhook_signing.new_secret()))
        row = WebhookEndpoint(
            url=url,
            owner_id=owner and owner.id,
            subscriptions=[WebhookSubscription(pattern=pattern)],
            **fields,
        )
        session.add(row)
    return row.id


def ping(endpoint_id: int, count: int = 1) -> None:
    """Record that many pings of an endpoint, in one transaction."""
    with unit_of_work():
        for _ in range(count):
            events.record(
                "ping",
                {"endpoint_id": endpoint_id},
                aggregate_id=endpoint_id,
                only_endpoint=endpoint_id,
            )


def send(client: Client | None = None, **options: Any) -> None:
    """Drain the webhooks."""
    if client is None:
        with Client(allow_private=True) as client:
            draining.drain([Webhooks(client)], **options)
    else:
        draining.drain([Webhooks(client)], **options)
    db.session.expire_all()


@contextmanager
def sending(app: Flask, **options: Any) -> Iterator[Future[None]]:
    """Drain in another thread while the block runs, then wait for its end."""

    def run() -> None:
        with app.app_context():
            send(**options)

    with ThreadPoolExecutor(1) as pool:
        drained = pool.submit(run)
        yield drained
        drained.result(60)


def arrived(receiver: Receiver, count: int) -> None:
    """Return once so many requests have come in."""
    wait_until(lambda: len(receiver.received) >= count)


def get(endpoint_id: int) -> WebhookEndpoint:
    """Return an endpoint as it stands."""
    db.session.rollback()
    return db.session.get_one(WebhookEndpoint, endpoint_id, populate_existing=True)


def change(endpoint_id: int, **fields: Any) -> None:
    """Change an endpoint's columns."""
    with unit_of_work() as session:
        row = session.get_one(WebhookEndpoint, endpoint_id, populate_existing=True)
        for name, value in fields.items():
            setattr(row, name, value)


def deliveries(endpoint_id: int) -> list[WebhookDelivery]:
    """Return an endpoint's deliveries, oldest first."""
    db.session.rollback()
    rows = select(WebhookDelivery).filter_by(endpoint_id=endpoint_id).order_by(WebhookDelivery.id)
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))


def attempts(delivery_id: int) -> list[WebhookAttempt]:
    """Return the log of a delivery."""
    rows = select(WebhookAttempt).filter_by(delivery_id=delivery_id).order_by(WebhookAttempt.id)
    return list(db.session.scalars(rows))


def make_due(endpoint_id: int, at: datetime | None = None) -> None:
    """Let the time come at which waiting deliveries are due."""
    with unit_of_work() as session:
        for row in session.scalars(
            select(WebhookDelivery).filter_by(endpoint_id=endpoint_id, status="pending")
        ):
            row.next_attempt_at = at or clock.now()


def counts() -> dict[str, int]:
    """Return how many deliveries ended how, as counted."""
    rows = db.session.execute(select(OutcomeCount.outcome, OutcomeCount.count))
    return {row.outcome: row.count for row in rows}


def logged() -> int:
    """Return how many attempts were written down in all."""
    return db.session.scalar(select(func.count()).select_from(WebhookAttempt)) or 0
