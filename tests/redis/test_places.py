"""Everything that the shop has in Redis, where Redis is several processes."""

from pathlib import Path

import pytest
import requests
from flask import Flask
from flask_jwt_extended import decode_token

from bookstore import clock
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways import beats, cache, claims, presence, queue, rates, tickets
from bookstore.models import User
from bookstore.services import accounts, catalog_cache, limits
from bookstore.unit_of_work import unit_of_work
from bookstore.worker.beat import Beat
from tests.clients import Client, at_once, ok, statements, wait_until
from tests.factories import make_book
from tests.limiting import Limits
from tests.redis.conftest import Processes
from tests.redis.servers import PASSWORD
from tests.sockets.following import closed, follow, read


def test_limits_are_exact(there: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(there, monkeypatch)(burst="20/minute", sustained="30/day")
    client = Client(there)
    found = at_once([lambda: client.get("/categories").status_code] * 50)
    assert (found.count(200), found.count(429)) == (20, 30)
    with there.app_context():
        [first, *_] = limits.login_policies("login")
        assert rates.look(first.rate, "login:somebody").taken
        assert rates.storage().incr("failures", 60) == 1
        assert rates.storage().get("failures") == 1
        rates.storage().clear("failures")
        assert rates.storage().get("failures") == 0


def test_what_is_ready_counts_too(there: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(there, monkeypatch)(burst="5/minute", sustained="30/day")
    client = Client(there)
    found = [client.get("/publishers").status_code for _ in range(8)]
    assert found == [200] * 5 + [429] * 3


def test_a_ready_answer_is_found_until_something_changes(there: Flask) -> None:
    with there.app_context():
        make_book("Tehanu")
    client = Client(there)
    first = ok(client.get("/books"))
    with statements(there) as asked:
        assert ok(client.get("/books")) == first
    assert asked == []
    with there.app_context():
        at = cache.version("catalog")
        with unit_of_work():
            catalog_cache.changed()
        assert cache.version("catalog") not in {None, at}
        make_book("The Farthest Shore")
        with unit_of_work():
            catalog_cache.changed()
    assert len(ok(client.get("/books"))["data"]) == 2


def test_what_is_small(there: Flask) -> None:
    with there.app_context():
        ticket = tickets.issue(b"who", 30)
        assert [tickets.redeem(ticket), tickets.redeem(ticket)] == [b"who", None]
        assert claims.take("tally", 60) == 0
        assert claims.take("tally", 60) > 0
        claims.shorten("tally", 1)
        assert claims.take("tally", 60) <= 1
        claims.give_back("tally")
        assert claims.take("tally", 60) == 0
        claims.note_sweep()
        assert (claims.seconds_since_sweep() or 0) < 60
        places = presence.Presence(2)
        taken = [places.enter(1), places.enter(1), places.enter(2)]
        assert None not in taken
        assert presence.Presence(2).enter(1) is None
        held = [(1, str(taken[0])), (2, str(taken[2]))]
        places.renew(held)
        places.report({"sockets": 3})
        assert presence.totals() == {"sockets": 3}
        places.report(None)
        places.leave(held)
        assert presence.totals() == {}


def test_work_is_queued_and_done(there: Flask, settings: Settings, processes: Processes) -> None:
    def readiness() -> object:
        return requests.get(f"{processes.live.url}/readyz", timeout=10).json()["status"]

    def mails() -> int:
        return len(list((settings.bookstore_home / "mail").glob("*.eml")))

    before = mails()
    follow(there, processes.live)
    with there.app_context(), Beat(there, beats.SCHEDULER), Beat(there, "long"):
        assert queue.enqueue("bookstore.jobs.report")
        processes.jobs.wait_for("job done job=bookstore.jobs.report")
        wait_until(lambda: mails() > before)
        wait_until(lambda: readiness() == "ok")
        assert beats.counts() == {"outgoing": 1, "jobs": 1, "long": 1, "scheduler": 1}
        wait_until(lambda: queue.depths() == dict.fromkeys(queue.QUEUES, 0))
        assert queue.oldest(clock.now()) == dict.fromkeys(queue.QUEUES, 0.0)


def test_a_socket_is_told(there: Flask, processes: Processes) -> None:
    followed = follow(there, processes.live)
    with followed.socket() as client, followed.socket(token=followed.clerk) as demoted:
        read(client)
        read(demoted)
        followed.advance("processing")
        assert read(client, timeout=10)["update"]["version"] == 2
        with there.app_context():
            clerk = db.session.get(User, int(decode_token(followed.clerk)["sub"]))
            assert clerk is not None
            accounts.promote(clerk.username, is_staff=False)
        # Told by pub/sub: the comparison with the database comes every 15 s.
        assert closed(demoted, timeout=10) == 4403
    # All that was written on the way to here.
    web = Path(processes.live.log.name).read_text()
    for log in (processes.jobs.log, processes.outgoing.log, web):
        assert PASSWORD not in log
