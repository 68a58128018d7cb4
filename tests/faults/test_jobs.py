"""A job whose worker is killed in the middle: another does it, once."""

import socket
from dataclasses import replace

import pytest
from flask import Flask

from bookstore.config import Settings
from bookstore.gateways import queue
from bookstore.services import book_reports, jobs
from bookstore.services.actors import SYSTEM
from tests.clients import wait_until
from tests.factories import make_book
from tests.processes import LiveWorker
from tests.services.job_kinds import row

pytestmark = pytest.mark.faults
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}  # pragma: allowlist secret


def test_a_killed_workers_job_is_done_by_another(app: Flask, for_workers: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # A bucket that takes the report and never says that it has it.
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hanging = replace(for_workers, s3_bucket="reports", s3_endpoint_url=url)
        silent.settimeout(60)
        with LiveWorker(hanging, queue.LONG, **KEYS) as first:
            job = book_reports.start(SYSTEM, make_book().id).id
            taken, _ = silent.accept()
            assert row(job).status == "running"
            first.kill()
            taken.close()
    assert (row(job).status, row(job).attempts) == ("running", 1)
    with LiveWorker(for_workers, queue.LONG) as second:
        # It sees that whoever had the job is dead, and waits for no lease.
        wait_until(lambda: row(job).status == "succeeded")
        second.wait_for("job done")
    found = row(job)
    assert (found.attempts, found.done, len(found.files)) == (2, 5, 3)
    for kept in found.files:
        assert len(jobs.read_file(SYSTEM, job, kept["name"])[0]) == kept["size"]
