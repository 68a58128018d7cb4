"""What a job's end leaves behind: no file that is being read for ever, no signed address."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from bookstore.extensions import db, settings
from bookstore.gateways import storage
from bookstore.jobs import run_job
from bookstore.models import Job, PriceUpdate, PriceUpdateRow
from bookstore.services import job_ends, job_kinds, price_files
from bookstore.services.job_progress import Progress
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.clients import Client, ok, problem
from tests.factories import make_book, reader_and_clerk
from tests.fakes import receiver as modes
from tests.fakes.receiver import Handler, Receiver
from tests.services.job_kinds import row

CSV = {"Content_Type": "text/csv"}
UPDATES, IMPORTS = "/catalog/price-updates", "/catalog/imports"
SIGNED = "/prices.csv?X-Amz-Signature=0123abcd&X-Amz-Expires=60"
SECRET = "0123abcd"


@pytest.fixture
def clerk(shop: Flask) -> Client:
    return reader_and_clerk(shop)[1]


@pytest.fixture
def books(shop: Flask) -> list[int]:
    """Five books at 19.99."""
    with shop.app_context():
        return [make_book().id for _ in range(5)]


@pytest.fixture
def receiver(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    near = replace(shop.config["SETTINGS"], webhook_allow_private_networks=True)
    monkeypatch.setitem(shop.config, "SETTINGS", near)
    with Receiver() as running:
        yield running


def table(books: list[int]) -> bytes:
    return "\n".join(["id,price", *(f"{book},5.00" for book in books)]).encode()


def send(clerk: Client, books: list[int]) -> dict[str, Any]:
    """Return the job of a file that is sent."""
    return dict(ok(clerk.call("POST", UPDATES, table(books), **CSV), 202)["job"])


def run(shop: Flask, job: dict[str, Any]) -> None:
    with shop.app_context():
        run_job(job["id"])


def elsewhere(work: Callable[[], object]) -> None:
    """Do this as another process would."""
    thread = Thread(target=work)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def interposed(monkeypatch: pytest.MonkeyPatch, number: int, work: Callable[[], object]) -> None:
    """Have something happen before a job's batch of this number."""
    whole, begun = Progress.batch, 0

    def batch(
        progress: Progress, steps: int, **state: Any
    ) -> AbstractContextManager[Any, bool | None]:
        nonlocal begun
        begun += 1
        if begun == number:
            work()
        return whole(progress, steps, **state)

    monkeypatch.setattr(Progress, "batch", batch)


def has_failed(shop: Flask, clerk: Client, job: dict[str, Any], failure: str) -> None:
    """Assert that nothing came of a file, for good."""
    update_id = job["parameters"]["price_update_id"]
    update = ok(clerk.get(f"{UPDATES}/{update_id}"))
    assert (update["status"], update["failure"]) == ("failed", failure)
    assert (update["counts"]["rows"], update["largest_changes"]) == (0, [])
    for act in ("apply", "undo"):
        found = problem(clerk.post(f"{UPDATES}/{update_id}/{act}"), 409, "price_update_status")
        assert found["is_now"] == "failed"
    run(shop, job)  # whoever is woken late
    assert {book["price"] for book in ok(clerk.get("/books"))["data"]} == {"19.99"}
    with shop.app_context():
        # Else it would be kept as long as the update.
        assert db.session.scalars(select(PriceUpdate.key)).all() == [None]
        assert db.session.scalar(select(func.count()).select_from(PriceUpdateRow)) == 0


def test_called_off_before_it_began(shop: Flask, clerk: Client, books: list[int]) -> None:
    job = send(clerk, books)
    for _ in "ab":
        assert ok(clerk.post(f"/jobs/{job['id']}/cancel"))["status"] == "cancelled"
        has_failed(shop, clerk, job, job_ends.CALLED_OFF)


def test_called_off_while_rows_are_read(
    shop: Flask, clerk: Client, books: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_files, "BATCH", 2)
    job = send(clerk, books)
    with shop.app_context():
        key = db.session.scalars(select(PriceUpdate.key)).one() or ""
        assert storage.store(settings()).size(key) == len(table(books))
    seen: list[int] = []

    def cancel() -> None:
        update = ok(clerk.get(f"{UPDATES}/{job['parameters']['price_update_id']}"))
        seen.append(update["counts"]["waiting"])
        ok(clerk.post(f"/jobs/{job['id']}/cancel"))

    interposed(monkeypatch, 3, lambda: elsewhere(cancel))
    run(shop, job)
    assert seen == [4]
    assert ok(clerk.get(f"/jobs/{job['id']}"))["status"] == "cancelled"
    has_failed(shop, clerk, job, job_ends.CALLED_OFF)
    with shop.app_context():
        assert storage.store(settings()).size(key) is None


def test_called_off_after_its_worker_has_died(
    shop: Flask, clerk: Client, books: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_files, "BATCH", 2)
    job = send(clerk, books)

    interposed(monkeypatch, 2, _die)
    with suppress(KeyboardInterrupt):
        run(shop, job)
    assert ok(clerk.get(f"/jobs/{job['id']}"))["status"] == "running"
    ok(clerk.post(f"/jobs/{job['id']}/cancel"))
    has_failed(shop, clerk, job, job_ends.CALLED_OFF)


@pytest.mark.parametrize("path", [UPDATES, IMPORTS])
def test_called_off_while_its_file_is_fetched(
    shop: Flask, clerk: Client, receiver: Receiver, path: str, books: list[int]
) -> None:
    def answer(handler: Handler) -> None:
        elsewhere(lambda: ok(clerk.post(f"/jobs/{job['id']}/cancel")))
        modes.status(200, table(books))(handler)

    receiver.modes = {SIGNED: answer}
    job = ok(clerk.post(path, {"url": receiver.url + SIGNED}), 202)["job"]
    run(shop, job)
    assert len(receiver.of(SIGNED)) == 1
    assert ok(clerk.get(f"/jobs/{job['id']}"))["status"] == "cancelled"
    if path == UPDATES:
        has_failed(shop, clerk, job, job_ends.CALLED_OFF)
    assert stored(shop) == {f"{receiver.url}/prices.csv"}


@pytest.mark.parametrize("why", ["forbidden", "took_too_long", "gave_up"])
def test_failed_for_good(
    shop: Flask, clerk: Client, books: list[int], monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    job = send(clerk, books)
    boss = reader_and_clerk(shop)[1]
    if why == "took_too_long":
        monkeypatch.setitem(
            job_kinds.KINDS, "catalog.prices", job_kinds.Kind("catalog:write", seconds=0)
        )
    with shop.app_context(), unit_of_work() as session:
        if why == "forbidden":
            changed = "UPDATE users SET is_staff = false WHERE id = :id"
            session.execute(text(changed), {"id": int(job["requested_by"].partition(":")[2])})
        if why == "gave_up":
            session.get_one(Job, job["id"]).attempts = 5
    run(shop, job)
    found = ok(boss.get(f"/jobs/{job['id']}"))
    assert (found["status"], found["error"]["code"]) == ("failed", why)
    has_failed(shop, boss, job, found["error"]["detail"])


def stored(shop: Flask) -> set[Any]:
    """Return the addresses that the database has of jobs and of price updates."""
    with shop.app_context():
        new_snapshot()
        parameters = db.session.scalars(select(Job.parameters))
        found = {one["url"] for one in parameters if "url" in one}
        return found | set(db.session.scalars(select(PriceUpdate.url)))


@pytest.mark.parametrize("path", [UPDATES, IMPORTS])
def test_what_is_secret_in_an_address_is_shown_to_nobody_and_goes_with_its_use(
    shop: Flask,
    clerk: Client,
    receiver: Receiver,
    path: str,
    books: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = table(books) if path == UPDATES else b"title,authors,price\nDune,Frank Herbert,9.99\n"
    receiver.modes = {SIGNED: modes.status(200, file)}
    url, bare = receiver.url + SIGNED, f"{receiver.url}/prices.csv"
    answer = clerk.post(path, {"url": url}, Idempotency_Key="once")
    job = ok(answer, 202)["job"]
    shown = [answer, clerk.post(path, {"url": url}, Idempotency_Key="once")]
    # Whoever fetches it dies: the next one needs it whole.
    with monkeypatch.context() as patch:
        interposed(patch, 1, _die)
        with suppress(KeyboardInterrupt):
            run(shop, job)
    assert stored(shop) == {url}
    with shop.app_context(), unit_of_work() as session:
        session.get_one(Job, job["id"]).next_attempt_at = row(job["id"]).created_at
    seen: list[set[Any]] = []
    interposed(monkeypatch, 2, lambda: seen.append(stored(shop)))
    run(shop, job)
    assert len(receiver.of(SIGNED)) == 2
    # As soon as it was fetched; and when all is over.
    assert (seen, stored(shop)) == ([{bare}], {bare})
    shown += [clerk.get(one) for one in (f"/jobs/{job['id']}", "/jobs?all=true", UPDATES)]
    assert [SECRET in one.get_data(as_text=True) for one in shown] == [False] * 5
    assert bare in shown[-1 if path == UPDATES else 2].get_data(as_text=True)


def _die() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("path", [UPDATES, IMPORTS])
@pytest.mark.parametrize("is_fetched", [False, True])
def test_nor_is_it_kept_when_nothing_comes_of_it(
    shop: Flask, clerk: Client, receiver: Receiver, path: str, is_fetched: bool
) -> None:
    receiver.modes = {SIGNED: modes.status(404)}
    job = ok(clerk.post(path, {"url": receiver.url + SIGNED}), 202)["job"]
    waiting = clerk.get(UPDATES if path == UPDATES else f"/jobs/{job['id']}")
    assert "/prices.csv" in waiting.get_data(as_text=True)
    assert SECRET not in waiting.get_data(as_text=True)
    if is_fetched:
        run(shop, job)
    else:
        ok(clerk.post(f"/jobs/{job['id']}/cancel"))
    assert len(receiver.received) == is_fetched
    assert stored(shop) == {f"{receiver.url}/prices.csv"}
