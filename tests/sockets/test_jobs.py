"""Following a job: how far it is, each change, what came of it; and nobody else's."""

from typing import Any

import pytest
from sqlalchemy import update

from bookstore.jobs import run_job
from bookstore.models import Job
from bookstore.services import jobs
from bookstore.services.actors import Actor
from bookstore.services.job_progress import Progress
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_buyers
from tests.services.job_kinds import planted
from tests.sockets.following import Followed, read, refused


def three_steps(progress: Progress) -> dict[str, Any]:
    progress.total = 3
    for number in range(3):
        with progress.batch(1, at=number):
            pass
    return {"steps": 3}


def test_first_the_state_then_each_change_and_the_end(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = planted(monkeypatch, three_steps)
    [(_, stranger)] = make_buyers(followed.shop, 1)
    with followed.shop.app_context():
        job_id = jobs.start(Actor(followed.reader, "reader"), kind, {"of": "test"}).id
    path = f"/ws/jobs/{job_id}"
    with refused(404, "not_found"), followed.socket(path, token=stranger):
        pass
    with followed.socket(path) as one, followed.socket(f"{path}/", token=followed.clerk) as two:
        for client in (one, two):
            first = read(client)
            assert first["type"] == "job_snapshot"
            shown = first["job"]
            assert (shown["id"], shown["status"], shown["version"]) == (job_id, "queued", 1)
            assert (shown["parameters"], shown["started_at"]) == ({"of": "test"}, None)
        with followed.shop.app_context():
            run_job(job_id)
        for client in (one, two):
            updates = []
            while not updates or updates[-1]["status"] in {"queued", "running"}:
                message = read(client)
                assert message["type"] == "job_update"
                updates.append(message["update"])
            versions = [told["version"] for told in updates]
            assert versions == sorted(set(versions))
            assert updates[0]["status"] == "running"
            assert {"done": 0, "total": 3} in [told["progress"] for told in updates]
            last = updates[-1]
            assert last.pop("at").endswith("Z")
            assert last == {
                "job_id": job_id,
                "status": "succeeded",
                "version": versions[-1],
                "progress": {"done": 3, "total": 3},
                "result": {"steps": 3},
                "files": [],
                "error": None,
            }
        # What was lost on the way is found by comparing.
        with followed.shop.app_context(), unit_of_work() as session:
            session.execute(update(Job).where(Job.id == job_id).values(version=99))
        one.send(f'{{"type": "sync", "versions": {{"{job_id}": {versions[-1]}}}}}')
        assert read(one)["update"]["version"] == 99
