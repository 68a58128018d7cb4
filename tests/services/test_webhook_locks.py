"""Endpoints that somebody has locked while a worker writes down what it has sent them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import delete, select, text

from bookstore.extensions import db
from bookstore.gateways.webhook_http import Client
from bookstore.models import WebhookEndpoint
from bookstore.services import webhook_claims
from bookstore.services.outgoing import Finished
from bookstore.services.webhook_delivery import Webhooks
from bookstore.unit_of_work import unit_of_work
from tests.fakes.receiver import Receiver
from tests.services import hooks

pytestmark = pytest.mark.parametrize("database", ["postgresql"])
OWNER = "a worker"


@contextmanager
def locked(endpoint_id: int, *, delete_it: bool = False) -> Iterator[None]:
    """Another transaction changes an endpoint (or deletes it), and takes its time."""
    mine = WebhookEndpoint.id == endpoint_id
    with db.engine.connect() as connection:
        if delete_it:
            connection.execute(delete(WebhookEndpoint).where(mine))
        else:
            row = select(WebhookEndpoint.id).where(mine).with_for_update(key_share=True)
            connection.execute(row)
        yield
        connection.commit()


def statuses(*endpoints: int) -> list[list[str]]:
    return [[row.status for row in hooks.deliveries(one)] for one in endpoints]


@pytest.mark.parametrize("deleted", [False, True])
def test_results_of_a_locked_endpoint_wait_and_no_others(app: Flask, deleted: bool) -> None:
    with Receiver() as receiver, Client(allow_private=True) as client:
        channel = Webhooks(client)
        busy, free = (hooks.endpoint(f"{receiver.url}/{name}") for name in "ab")
        for endpoint in (busy, free):
            hooks.ping(endpoint, 2)
        with unit_of_work() as session:
            done = [(work, channel.send(work)) for work in channel.claim(session, OWNER, 10, {})]

    def finish(some: object) -> Finished:
        with unit_of_work() as session:
            return channel.finish(session, OWNER, some)  # type: ignore[arg-type]

    with locked(busy, delete_it=deleted):
        finished = finish(done)
        assert finished.counts == {"succeeded": 2}
        assert [work.lane for work, _ in finished.later] == [busy, busy]
        assert not finished.shut
        assert statuses(busy, free) == [["pending"] * 2, ["succeeded"] * 2]
    finished = finish(finished.later)
    assert not finished.later
    if deleted:
        assert (finished.counts, finished.shut) == ({}, {busy})
    else:
        assert (finished.counts, finished.shut) == ({"succeeded": 2}, set())
        assert statuses(busy) == [["succeeded"] * 2]
    assert hooks.logged() == (2 if deleted else 4)


def test_a_locked_endpoint_is_not_waited_for_to_let_go(app: Flask) -> None:
    with Receiver() as receiver, Client(allow_private=True) as client:
        channel = Webhooks(client)
        busy, free = (hooks.endpoint(f"{receiver.url}/{name}") for name in "ab")
        for endpoint in (busy, free):
            hooks.ping(endpoint)
        with unit_of_work() as session:
            channel.claim(session, OWNER, 10, {})
    with locked(busy), unit_of_work() as session:
        # A statement that waited would fail here.
        session.execute(text("SET LOCAL lock_timeout = '100ms'"))
        webhook_claims.let_go(session, OWNER)
    assert [hooks.get(one).drained_by for one in (busy, free)] == [OWNER, None]
