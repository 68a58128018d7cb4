"""Jobs by a real worker: asked for over HTTP, done in another process, their files read."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from bookstore.config import Settings
from bookstore.gateways import queue
from bookstore.jobs import look_after_jobs
from bookstore.unit_of_work import new_snapshot
from tests.clients import ok, wait_until
from tests.factories import new_book, reader_and_clerk
from tests.processes import LiveWorker
from tests.services.job_kinds import make_due


@pytest.fixture(autouse=True)
def same_folder(shop: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Web server and worker see one data folder."""
    changed = replace(shop.config["SETTINGS"], bookstore_home=settings.bookstore_home)
    monkeypatch.setitem(shop.config, "SETTINGS", changed)


def test_a_report_from_the_asking_to_the_page(shop: Flask, settings: Settings) -> None:
    _, clerk = reader_and_clerk(shop)
    book = new_book(shop, title="Piranesi")
    # A store that is away is no end of it.
    blocked = settings.bookstore_home / "storage"
    blocked.write_text("no folder")

    def seen(where: str) -> Any:
        new_snapshot()  # the app's session here lives longer than a request
        return ok(clerk.get(where))

    with LiveWorker(settings, queue.LONG) as worker:
        answer = clerk.post(f"/reports/books/{book}")
        where = ok(answer, 202) and answer.headers["Location"]
        worker.wait_for("job put off")
        found = seen(where)
        assert (found["status"], found["error"]) == ("queued", None)
        blocked.unlink()
        make_due()
        look_after_jobs()
        wait_until(lambda: seen(where)["status"] == "succeeded")
        assert worker.stop() == 0, worker.log[-3000:]
        assert "Traceback" not in worker.log
    done = seen(where)
    assert (done["progress"], done["result"]["book"]["title"]) == (
        {"done": 5, "total": 5},
        "Piranesi",
    )
    page = next(one["url"] for one in done["files"] if one["name"].endswith(".html"))
    assert "<h1>Piranesi</h1>" in clerk.get(page).get_data(as_text=True)
