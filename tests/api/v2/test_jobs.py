"""Jobs over HTTP: asked for, watched, called off; their files; nobody else's."""

import csv
import io
import re
from typing import Any

import pytest
from flask import Flask

from bookstore.jobs import run_job
from bookstore.services import api_keys, jobs
from bookstore.services.actors import Actor
from tests.clients import Client, ok, problem, statements
from tests.factories import log_in, make_user, new_book, reader_and_clerk
from tests.services.job_kinds import planted


def run(shop: Flask, job_id: int) -> None:
    with shop.app_context():
        run_job(job_id)


def report(shop: Flask, clerk: Client, book: int) -> dict[str, Any]:
    """Return a job that has made the report of a book."""
    started = ok(clerk.post(f"/reports/books/{book}"), 202)["job"]
    run(shop, started["id"])
    return dict(ok(clerk.get(f"/jobs/{started['id']}")))


def test_the_walk_of_a_report(shop: Flask) -> None:
    reader, clerk = reader_and_clerk(shop)
    book = new_book(shop, title="=Piranesi <i>", stock=7)
    assert problem(reader.post(f"/reports/books/{book}"), 403, "forbidden")
    assert problem(clerk.post("/reports/books/987654"), 404, "not_found")
    answer = clerk.post(f"/reports/books/{book}", Idempotency_Key="once")
    started = ok(answer, 202)["job"]
    where = answer.headers["Location"]
    assert where == f"/api/v2/jobs/{started['id']}"
    assert ok(clerk.post(f"/reports/books/{book}", Idempotency_Key="once"), 202)["job"] == started
    waiting = clerk.get(where)
    assert ok(waiting) == started
    assert waiting.headers["Retry-After"] == "1"
    assert (started["status"], started["progress"]) == ("queued", {"done": 0, "total": 5})
    run(shop, started["id"])
    answer = clerk.get(where)
    done = ok(answer)
    assert "Retry-After" not in answer.headers
    assert (done["status"], done["progress"]) == ("succeeded", {"done": 5, "total": 5})
    assert done["result"]["stock"]["copies"] == 7
    assert done["version"] > started["version"]
    found = {one["name"].rpartition(".")[2]: one for one in done["files"]}
    texts = {kind: clerk.get(one["url"]) for kind, one in found.items()}
    assert ok(texts["json"]) == done["result"]
    for kind, text in texts.items():
        assert len(text.data) >= found[kind]["size"]
        assert "no-store" in text.headers["Cache-Control"]
    rows = list(csv.reader(io.StringIO(texts["csv"].get_data(as_text=True))))
    assert ["book", "title", "'=Piranesi <i>", ""] in rows
    assert ["stock", "now", "7", "copies"] in rows
    assert problem(reader.get(where), 404, "not_found")
    assert problem(reader.get(found["csv"]["url"]), 404, "not_found")
    assert problem(clerk.get(f"{where}/files/none.csv"), 404, "not_found")


def test_its_page_is_whole_and_runs_nothing(shop: Flask) -> None:
    _, clerk = reader_and_clerk(shop)
    done = report(shop, clerk, new_book(shop, title="A <script>"))
    [page] = [one["url"] for one in done["files"] if one["name"].endswith(".html")]
    answer = clerk.get(page)
    text = answer.get_data(as_text=True)
    nonce = re.search(r'<style nonce="([^"]+)">', text)
    assert nonce
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'nonce-{nonce[1]}'" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "A &lt;script&gt;" in text
    assert not re.search(r"<script|\sstyle=|\son\w+=|(src|href)=", text)
    ticket = ok(clerk.post("/ws/tickets"), 201)["ticket"]
    assert Client(shop).get(f"{page}?ticket={ticket}").data.startswith(b"<!doctype html>")


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_list_is_ones_own_unless_staff_asks_for_all(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_and_clerk(shop)[0]
    with shop.app_context():
        one, two = make_user(is_staff=True), make_user(is_staff=True)
        kind = planted(monkeypatch, lambda _progress: {})
        ids = [jobs.start(who, kind, {}).id for who in (one, one, two)]
        run_job(ids[0])
        mine = log_in(shop, one)
        maker = Actor(one.id, "whoever", is_staff=True)
        keys = {
            scope: Client(shop, {"X-API-Key": api_keys.create(maker, "a key", [scope]).key})
            for scope in ("reports", "catalog:read")
        }

    def listed(client: Client, query: str = "") -> list[int]:
        return [job["id"] for job in ok(client.get(f"/jobs{query}"))["data"]]

    assert listed(mine) == [ids[1], ids[0]]
    assert listed(mine, "?all=true") == ids[::-1]
    assert listed(mine, "?status=queued") == [ids[1]]
    assert listed(mine, f"?kind={kind}&all=true&limit=1") == [ids[2]]
    assert listed(mine, "?kind=report.book") == []
    with statements(shop) as found:
        listed(mine, "?all=true")
        ok(mine.get(f"/jobs/{ids[0]}"))
    # Each asks who it is, and then once.
    assert len(found) == 4, found
    page = ok(mine.get("/jobs?all=true&limit=2&count=true"))
    assert page["total"] == 3
    assert listed(mine, f"?all=true&limit=2&cursor={page['next_cursor']}") == [ids[0]]
    assert problem(reader.get("/jobs?all=true"), 403, "forbidden")
    assert problem(mine.get("/jobs?status=lost"), 422, "validation_failed")
    assert listed(keys["reports"]) == [ids[1], ids[0]]
    assert listed(keys["catalog:read"]) == []
    refused = problem(keys["catalog:read"].get(f"/jobs/{ids[0]}"), 403, "insufficient_scope")
    assert refused["scope"] == "reports"
    assert ok(mine.post(f"/jobs/{ids[1]}/cancel"))["status"] == "cancelled"
    assert problem(mine.post(f"/jobs/{ids[0]}/cancel"), 409, "job_finished")
    book = new_book(shop)
    assert ok(keys["reports"].post(f"/reports/books/{book}"), 202)["job"]["requested_by"]
