"""Who died on this machine is not waited for; who may live is."""

import subprocess
import sys
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Email, WebhookDelivery
from bookstore.services import outgoing_owners
from bookstore.services.outgoing import LEASE
from bookstore.unit_of_work import unit_of_work
from tests.clients import ROOT, wait_until
from tests.factories import make_user
from tests.services import hooks

URL = "http://127.0.0.1:9/hooks"
MADE = "from bookstore.services import outgoing_owners as o; print(o.new_owner(), flush=True)"


@pytest.fixture
def other() -> "subprocess.Popen[str]":
    """Another process that has made itself a name and still lives."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{MADE}; input()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def leased_by(owner: str) -> int:
    endpoint = hooks.endpoint(URL, drained_by=owner, drained_until=clock.now() + LEASE)
    hooks.ping(endpoint, 2)
    with unit_of_work() as session:
        lease = {"next_attempt_at": clock.now() + LEASE, "lease_owner": owner}
        session.execute(update(WebhookDelivery).values(**lease))
    return int(endpoint)


def test_the_living_keep_what_they_have(app: Flask, other: "subprocess.Popen[str]") -> None:
    owner = other.stdout.readline().strip()
    assert len(owner) == 32
    endpoint = leased_by(owner)
    assert not outgoing_owners.is_dead(owner)
    assert outgoing_owners.bury() == 0
    assert hooks.get(endpoint).drained_by == owner


def test_the_dead_do_not(app: Flask, other: "subprocess.Popen[str]") -> None:
    owner = other.stdout.readline().strip()
    endpoint = leased_by(owner)
    other.kill()
    # Also before anybody has noted its end.
    wait_until(lambda: outgoing_owners.is_dead(owner))
    assert outgoing_owners.bury() == 1
    assert outgoing_owners.bury() == 0
    assert hooks.get(endpoint).drained_by is None
    for row in hooks.deliveries(endpoint):
        assert row.lease_owner is None
        assert row.next_attempt_at <= clock.now() + timedelta(seconds=1)


@pytest.mark.faults
def test_mail_of_the_dead_goes_out_as_well(app: Flask, other: "subprocess.Popen[str]") -> None:
    owner, user = other.stdout.readline().strip(), make_user()
    with unit_of_work() as session:
        until = clock.now() + LEASE
        mail = Email(user_id=user.id, template="password_reset", next_attempt_at=until)
        mail.lease_owner = owner
        session.add(mail)
    assert outgoing_owners.bury() == 0
    other.kill()
    wait_until(lambda: outgoing_owners.is_dead(owner))
    assert outgoing_owners.bury() == 1
    db.session.refresh(mail)
    assert mail.lease_owner is None
    assert mail.next_attempt_at <= clock.now()


def test_what_a_drain_abandoned_is_not_waited_for(app: Flask) -> None:
    owner = outgoing_owners.new_owner()
    endpoint = leased_by(owner)
    assert outgoing_owners.bury() == 0
    outgoing_owners.abandon(owner)
    assert outgoing_owners.bury() == 1
    assert hooks.get(endpoint).drained_by is None


def test_who_lives_elsewhere_is_not_known(app: Flask) -> None:
    # Another machine or container; and a name from before names told anything.
    for owner in ("0123456789ab" + "0000ffff" + "0" * 12, "f" * 32):
        endpoint = leased_by(owner)
        assert outgoing_owners.bury() == 0
        assert hooks.get(endpoint).drained_by == owner


def test_we_live(app: Flask) -> None:
    owner = outgoing_owners.new_owner()
    assert outgoing_owners.new_owner() != owner
    assert not outgoing_owners.is_dead(owner)
