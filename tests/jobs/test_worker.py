"""``worker.py`` for real: what wakes it, what it survives, how it stops, what it refuses."""

import signal
from pathlib import Path

import psutil
import pytest
from flask import Flask
from rq import Queue, worker_registration
from rq.serializers import JSONSerializer

from bookstore import clock
from bookstore.config import Settings
from bookstore.extensions import redis_handle
from bookstore.gateways import beats, queue as gateway
from bookstore.worker import main
from bookstore.worker.beat import Beat
from bookstore.worker.queues import KINDS, Drainer
from tests.clients import wait_until
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.jobs.conftest import Mails, place_order
from tests.processes import LiveWorker
from tests.services import hooks

AT_WORK = {("outgoing", 1), ("jobs", 1), ("long", 1), ("scheduler", 0)}


def test_every_queue_has_a_worker() -> None:
    assert set(KINDS) == set(gateway.QUEUES)


def test_a_commit_wakes_it(app: Flask, settings: Settings, mails: Mails) -> None:
    with LiveWorker(settings, "outgoing") as worker:
        wait_until(lambda: beats.counts()["outgoing"] == 1)
        place_order()
        wait_until(lambda: mails() == 1)
        place_order()
        wait_until(lambda: mails() == 2)
        assert worker.stop() == 0, worker.log[-3000:]
        # What it showed last runs out, so that a restart leaves no gap.
        wait_until(lambda: set(beats.counts().values()) == {0})


def test_sigterm_lets_what_is_in_flight_arrive(
    app: Flask, settings: Settings, receiver: Receiver
) -> None:
    receiver.mode = modes.hang
    endpoint = hooks.endpoint(f"{receiver.url}/a")
    with LiveWorker(settings, "outgoing") as worker:
        hooks.ping(endpoint)
        wait_until(lambda: receiver.open["/a"] == 1)
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for("stopping as soon as what is in flight has arrived")
        hooks.ping(endpoint)
        receiver.let_go.set()
        assert worker.stop() == 0, worker.log[-3000:]
    first, second = hooks.deliveries(endpoint)
    assert (first.status, first.attempts) == ("succeeded", 1)
    assert (second.status, second.attempts, second.lease_owner) == ("pending", 0, None)
    assert second.next_attempt_at <= clock.now()
    assert len(receiver.received) == 1


@pytest.mark.parametrize("database", ["sqlite"])
class TestAll:
    """Without a queue: a process for each."""

    @pytest.mark.faults
    def test_one_that_dies_is_started_again(
        self, app: Flask, settings: Settings, mails: Mails
    ) -> None:
        with LiveWorker(settings) as worker:
            wait_until(lambda: set(beats.counts().items()) == AT_WORK)
            [child] = [one for one in worker.family() if one.cmdline()[-1] == "outgoing"]
            child.kill()
            worker.wait_for("outgoing ended by itself, starting it again")
            place_order()
            wait_until(lambda: mails() == 1)
            gateway.enqueue("bookstore.jobs.report")
            wait_until(lambda: len(list((settings.bookstore_home / "reports").glob("*"))) == 14)
            family = worker.family()
            assert worker.stop() == 0, worker.log[-3000:]
            assert psutil.wait_procs(family, timeout=10)[1] == []

    @pytest.mark.faults
    def test_killed_it_leaves_nothing_running(self, app: Flask, settings: Settings) -> None:
        with LiveWorker(settings) as worker:
            wait_until(lambda: set(beats.counts().items()) == AT_WORK)
            family = worker.family()
            assert len(family) == 4
            lines = " ".join(" ".join(one.cmdline()) for one in family)
            # Everybody on the machine can read these.
            assert str(settings.redis_url) not in lines
            assert str(settings.secret_key) not in lines
            worker.process.kill()
            assert psutil.wait_procs(family, timeout=30)[1] == []


@pytest.mark.parametrize("database", ["sqlite"])
class TestAllowList:
    """Whoever can write to Redis can make us run our own jobs, and nothing else."""

    def test_nothing_else_is_run(self, app: Flask, settings: Settings, tmp_path: Path) -> None:
        connection = redis_handle.client
        jobs = Queue("jobs", connection=connection, serializer=JSONSerializer)
        trap = tmp_path / "trap"
        jobs.enqueue("os.mkdir", str(trap))
        jobs.enqueue("bookstore.jobs.channels.drain")
        jobs.enqueue("bookstore.services.maintenance.run")
        jobs.enqueue("tests.jobs.traps.spring", str(trap))
        done = jobs.enqueue("bookstore.jobs.maintain")
        connection.hset(done.key, "success_callback_name", "tests.jobs.traps.callback")
        connection.hset(done.key, "description", "secret words")
        with LiveWorker(settings, "jobs") as worker:
            worker.wait_for("job=bookstore.jobs.maintain")
            log = worker.log
            assert worker.stop() == 0, worker.log[-3000:]
        assert not trap.exists()
        assert log.count("UnknownJob: not a job of this shop: ") == 4
        assert "job done job=bookstore.jobs.maintain" in log
        assert "sprung" not in log
        assert "secret words" not in log


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "there is no queue nothing; there are outgoing, jobs, long"),
        (["--scheduler", "jobs"], "--scheduler takes no queue"),
    ],
)
def test_it_says_what_it_does_not_know(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["outgoing"], ["--scheduler"]])
def test_a_bad_setting_is_named(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "many")
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said == "bookstore: PORT: must be a whole number, not 'many'\n"


def test_a_redis_that_forgot_it_hears_of_it_again(app: Flask) -> None:
    def registered() -> int:
        keys = worker_registration.get_keys(gateway.queue("outgoing"))
        return int(redis_handle.client.exists(*keys)) if keys else 0

    with gateway.blocking_client() as connection:
        worker = Drainer(app, "outgoing", connection, Beat(app, "outgoing"))
        worker.register_birth()
        assert registered() == 1
        connection.flushall()
        assert registered() == 0
        worker.heartbeat()
        assert registered() == 1
        worker.register_death()
        assert registered() == 0
