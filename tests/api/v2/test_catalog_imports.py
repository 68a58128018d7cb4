"""Catalogues over HTTP: sent as CSV or ONIX, or fetched; one job, one report."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from bookstore.jobs import run_job
from tests.clients import Client, ok, problem
from tests.factories import reader_and_clerk
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.services.onix_messages import DISPOSSESSED, message, small

CSV, XML = {"Content_Type": "text/csv"}, {"Content_Type": "application/xml"}
IMPORTS, UPDATES = "/catalog/imports", "/catalog/price-updates"
BOOKS = "title,authors,price,stock\nDune,Frank Herbert,9.99,3\nEmma,Jane Austen,x,\n"


@pytest.fixture
def clerk(shop: Flask) -> Client:
    return reader_and_clerk(shop)[1]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def done(shop: Flask, clerk: Client, answer: Any) -> dict[str, Any]:
    """Return the job that an answer leads to, after it was done."""
    job = ok(answer, 202)["job"]
    assert answer.headers["Location"] == f"/api/v2/jobs/{job['id']}"
    with shop.app_context():
        run_job(job["id"])
    return dict(ok(clerk.get(answer.headers["Location"])))


def titles(clerk: Client) -> list[str]:
    return [book["title"] for book in ok(clerk.get("/books?sort=title"))["data"]]


def test_a_csv(shop: Flask, clerk: Client) -> None:
    job = done(shop, clerk, clerk.call("POST", f"{IMPORTS}?dry_run=true", BOOKS, **CSV))
    assert (job["result"]["counts"]["created"], titles(clerk)) == (1, [])
    job = done(shop, clerk, clerk.call("POST", IMPORTS, BOOKS, **CSV))
    assert (job["status"], job["progress"]) == ("succeeded", {"done": 2, "total": 2})
    reason = "price: is 'x': Not a decimal amount such as 19.99."
    assert job["result"] == {
        "dry_run": False,
        "counts": {"created": 1, "updated": 0, "unchanged": 0, "refused": 1},
        "refused": [f"row 3: {reason}"],
    }
    assert titles(clerk) == ["Dune"]
    [file] = job["files"]
    rows = list(csv.reader(io.StringIO(clerk.get(file["url"]).get_data(as_text=True))))
    assert rows == [["row", "field", "reason"], ["3", *reason.split(": ", 1)]]
    # Once more, with other copies: they count when that is asked for.
    again = done(shop, clerk, clerk.call("POST", IMPORTS, BOOKS.replace(",3", ",7"), **CSV))
    assert again["result"]["counts"]["unchanged"] == 1
    form = {"file": (io.BytesIO(BOOKS.replace(",3", ",7").encode()), "a.csv"), "set_stock": "1"}
    sent = clerk.http.post(f"/api/v2{IMPORTS}", data=form, headers=clerk.headers)
    assert done(shop, clerk, sent)["result"]["counts"]["updated"] == 1


def test_onix(shop: Flask, clerk: Client) -> None:
    text = message(DISPOSSESSED, small(2, kind="05"))
    job = done(shop, clerk, clerk.call("POST", IMPORTS, text.encode(), **XML))
    assert job["result"]["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "refused": 1}
    assert titles(clerk) == ["The Dispossessed"]
    bomb = message(small(3), doctype='<!DOCTYPE x [<!ENTITY a "ha">]>')
    job = done(shop, clerk, clerk.call("POST", IMPORTS, bomb.encode(), **XML))
    assert (job["status"], job["error"]["code"]) == ("failed", "validation_failed")
    assert job["error"]["detail"].startswith("The file declares entities")


@pytest.mark.parametrize("database", ["sqlite"])
def test_by_address(
    shop: Flask, clerk: Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.modes = {
        "/books": modes.status(200, BOOKS.encode()),
        "/prices": modes.status(200, b"id,price\n1,5.00\n"),
        "/gone": modes.status(404),
    }
    body = {"url": f"{receiver.url}/books"}
    strict = replace(shop.config["SETTINGS"], webhook_allow_private_networks=False)
    loose = replace(strict, webhook_allow_private_networks=True)
    monkeypatch.setitem(shop.config, "SETTINGS", strict)
    for path in (IMPORTS, UPDATES):
        for url in (body["url"], "http://[::ffff:10.0.0.1]/", "https://user:x@example.com/"):
            found = problem(clerk.post(path, {"url": url}), 422, "url_not_allowed")
            assert list(found["errors"]) == ["url"]
    monkeypatch.setitem(shop.config, "SETTINGS", loose)
    answer = clerk.post(IMPORTS, body)
    # Looked at again when it is fetched.
    monkeypatch.setitem(shop.config, "SETTINGS", strict)
    job = done(shop, clerk, answer)
    assert (job["status"], job["error"]["code"]) == ("failed", "file_unavailable")
    assert "is not public" in job["error"]["detail"]
    assert receiver.received == []
    monkeypatch.setitem(shop.config, "SETTINGS", loose)
    assert done(shop, clerk, clerk.post(IMPORTS, body))["result"]["counts"]["created"] == 1
    job = done(shop, clerk, clerk.post(UPDATES, {"url": f"{receiver.url}/prices"}))
    assert job["result"]["counts"]["changed"] == 1
    job = done(shop, clerk, clerk.post(UPDATES, {"url": f"{receiver.url}/gone"}))
    assert job["error"]["detail"] == "The file could not be fetched: the answer is 404."
    update = ok(clerk.get(f"{UPDATES}/{job['parameters']['price_update_id']}"))
    assert (update["status"], update["failure"]) == ("failed", job["error"]["detail"])
    problem(clerk.post(UPDATES, {}), 422, "validation_failed")
