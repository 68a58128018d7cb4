"""Many prices at once over HTTP: previewed, applied, reported, taken back."""

import csv
import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from bookstore.extensions import db
from bookstore.jobs import run_job
from bookstore.models import AuditEntry, Event
from tests.clients import Client, ok, problem
from tests.factories import make_book, new_book, reader_and_clerk

CSV = {"Content_Type": "text/csv"}
UPDATES = "/catalog/price-updates"
ONE_ALONE = {"counts", "largest_changes", "is_interrupted"}


@pytest.fixture
def clerk(shop: Flask) -> Client:
    return reader_and_clerk(shop)[1]


@pytest.fixture
def books(shop: Flask) -> list[int]:
    """Three books at 19.99."""
    with shop.app_context():
        return [make_book(f"Book {n}", sku=f"SKU-{n}").id for n in range(3)]


def send(shop: Flask, clerk: Client, text: str, query: str = "") -> dict[str, Any]:
    """Return the update that a file has become, after its job."""
    answer = clerk.call("POST", f"{UPDATES}{query}", text, **CSV)
    return done(shop, clerk, answer)


def done(shop: Flask, clerk: Client, answer: Any) -> dict[str, Any]:
    job = ok(answer, 202)["job"]
    assert answer.headers["Location"] == f"/api/v2/jobs/{job['id']}"
    with shop.app_context():
        run_job(job["id"])
    found = ok(clerk.get(f"{UPDATES}/{job['parameters']['price_update_id']}"))
    assert found["job_id"] == job["id"]
    return dict(found)


def prices(clerk: Client, books: list[int]) -> list[str]:
    return [ok(clerk.get(f"/books/{book}"))["price"] for book in books]


def counted(update: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in update["counts"].items() if count}


def events(shop: Flask) -> dict[int, int]:
    """Return how many events of an update each book has."""
    query = select(Event.aggregate_id, func.count()).where(Event.type == "book.updated")
    with shop.app_context():
        return dict(db.session.execute(query.group_by(Event.aggregate_id)).all())


def test_the_whole_walk(shop: Flask, clerk: Client, books: list[int]) -> None:
    text = "sku,price,currency\nSKU-0,21.50,USD\nSKU-1,0.99,usd\nSKU-2,19.99,\nSKU-9,1.00,\n"
    update = send(shop, clerk, f'{text}SKU-0,1.00,\nSKU-1,"9,99",eur\n', "?preview=true")
    where = f"{UPDATES}/{update['id']}"
    assert (update["status"], update["named_by"]) == ("previewed", "sku")
    assert counted(update) == {"rows": 6, "refused": 3, "unchanged": 1, "waiting": 2}
    largest = update["largest_changes"]
    assert [row["title"] for row in largest] == ["Book 1", "Book 0"]
    assert (largest[0]["old_price"], largest[0]["new_price"]) == ("19.99", "0.99")
    # Nothing is changed yet.
    assert prices(clerk, books) == ["19.99"] * 3
    assert events(shop) == {}
    assert problem(clerk.post(f"{where}/undo"), 409, "price_update_status")["is_now"] == "previewed"
    # Somebody edits one of them.
    ok(clerk.patch(f"/books/{books[1]}", {"price": "20.00"}, If_Match="*"))
    update = done(shop, clerk, clerk.post(f"{where}/apply", Idempotency_Key="apply"))
    assert update["status"] == "applied"
    assert counted(update) == {
        "rows": 6,
        "refused": 3,
        "unchanged": 1,
        "changed": 1,
        "changed_since_preview": 1,
    }
    assert prices(clerk, books) == ["21.50", "20.00", "19.99"]
    assert events(shop) == {books[0]: 1, books[1]: 1}
    problem(clerk.post(f"{where}/apply"), 409, "price_update_status")
    rows = ok(clerk.get(f"{where}/rows?outcome=refused"))["data"]
    assert [(row["row"], row["named"], row["reason"]) for row in rows] == [
        (5, "SKU-9", "sku: there is no such book"),
        (6, "SKU-0", "sku: is the same book as in row 2"),
        (7, "SKU-1", "price: is '9,99': Not a decimal amount such as 19.99."),
    ]
    table = clerk.get(f"{where}/rows?limit=1", Accept="text/csv")
    assert table.content_type == "text/csv; charset=utf-8"
    written = list(csv.DictReader(io.StringIO(table.get_data(as_text=True))))
    assert len(written) == 6
    assert (written[0]["outcome"], written[0]["old_price"]) == ("changed", "19.99")
    update = done(shop, clerk, clerk.post(f"{where}/undo"))
    assert (update["status"], update["counts"]["undone"]) == ("undone", 1)
    assert prices(clerk, books) == ["19.99", "20.00", "19.99"]
    problem(clerk.post(f"{where}/undo"), 409, "price_update_status")
    [listed] = ok(clerk.get(UPDATES))["data"]
    assert listed == {k: v for k, v in update.items() if k not in ONE_ALONE}
    noted = select(AuditEntry.action, AuditEntry.target_kind, AuditEntry.target_id)
    with shop.app_context():
        entries = [tuple(row) for row in db.session.execute(noted.order_by(AuditEntry.id))]
    book, about = ("book", str(books[0])), ("price_update", str(update["id"]))
    assert entries == [
        ("price_updates.start", *about),
        ("catalog.update_book", "book", str(books[1])),
        ("price_updates.apply", *about),
        ("price_updates.apply", *book),
        ("price_updates.undo", *about),
        ("price_updates.undo", *book),
    ]


def test_an_undo_leaves_alone_what_was_edited_since(
    shop: Flask, clerk: Client, books: list[int]
) -> None:
    update = send(shop, clerk, f"id,price\n{books[0]},5\n{books[1]},6\n{books[2]},7\n")
    assert (update["status"], counted(update)) == ("applied", {"rows": 3, "changed": 3})
    ok(clerk.patch(f"/books/{books[0]}", {"price": "8.00"}, If_Match="*"))
    ok(clerk.delete(f"/books/{books[1]}"), 204)
    update = done(shop, clerk, clerk.post(f"{UPDATES}/{update['id']}/undo"))
    assert counted(update) == {"rows": 3, "changed_since_update": 1, "gone": 1, "undone": 1}
    assert prices(clerk, [books[0], books[2]]) == ["8.00", "19.99"]


def test_while_a_job_is_at_it_nothing_else_is(shop: Flask, clerk: Client, books: list[int]) -> None:
    update = send(shop, clerk, f"id,price\n{books[0]},5\n", "?preview=1")
    where = f"{UPDATES}/{update['id']}"
    job = ok(clerk.post(f"{where}/apply"), 202)["job"]
    problem(clerk.post(f"{where}/apply"), 409, "price_update_busy")
    problem(clerk.post(f"{where}/undo"), 409, "price_update_busy")
    # Called off half-way, it can be carried on.
    ok(clerk.post(f"/jobs/{job['id']}/cancel"))
    assert ok(clerk.get(where))["status"] == "applying"
    update = done(shop, clerk, clerk.post(f"{where}/apply"))
    assert (update["status"], prices(clerk, books)[0]) == ("applied", "5.00")


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("price\n1.00\n", "The file needs one of the columns id, isbn and sku, and has none"),
        ("id,isbn,price\n1,2,3\n", "The file needs one of the columns id, isbn and sku, and has id "
         "and isbn"),
        ("id,cost\n1,1.00\n", "The file: the column price is missing"),
        ("id,price,colour\n1,1.00,red\n", "The file: unknown column 'colour'"),
        ("id,price\n1,\"1.00\n", "The file ends inside a quoted cell"),
        ("\0", "The file has NUL bytes in its header: not a text file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"])
def test_what_is_no_file_of_prices(shop: Flask, clerk: Client, text: str, failure: str) -> None:
    update = send(shop, clerk, text)
    assert (update["status"], update["failure"], counted(update)) == ("failed", failure, {})
    job = ok(clerk.get(f"/jobs/{update['job_id']}"))
    assert (job["status"], job["error"]["code"]) == ("failed", "validation_failed")
    problem(clerk.post(f"{UPDATES}/{update['id']}/apply"), 409, "price_update_status")


@pytest.mark.parametrize("database", ["sqlite"])
def test_each_wrong_cell_is_named(shop: Flask, clerk: Client) -> None:
    book = new_book(shop, isbn="9780441013593")
    cells = {
        ",1.00": "isbn: is missing",
        "978,1.00": "isbn: is not an ISBN: 10 or 13 digits, dashes allowed",
        "9780061054884,1.00": "isbn: there is no such book",
        "978-0-441-01359-3,": "price: is missing",
        "978-0-441-01359-3,-1": "price: is '-1': Not a decimal amount such as 19.99.",
        "978-0-441-01359-3,1.001": "price: is '1.001': More than 2 decimal places.",
        "978-0-441-01359-3,1000000.01": "price: is too high",
        "978-0-441-01359-3": "row: has 1 cells, the header 2",
    }
    update = send(shop, clerk, "\n".join(["isbn,price", *cells, "978-0-441-01359-3,0"]) + "\n")
    rows = ok(clerk.get(f"{UPDATES}/{update['id']}/rows"))["data"]
    assert [row["reason"] for row in rows] == [*cells.values(), None]
    assert prices(clerk, [book]) == ["0.00"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_options_are_documented_beside_the_key(shop: Flask) -> None:
    paths = shop.extensions["openapi"]["v2"]["paths"]
    for path, options in ((UPDATES, {"preview"}), ("/catalog/imports", {"format", "dry_run"})):
        told = {one.get("name") for one in paths[f"/api/v2{path}"]["post"]["parameters"]}
        assert options | {"Idempotency-Key"} <= told


@pytest.mark.parametrize("database", ["sqlite"])
def test_ways_to_send_a_file(shop: Flask, clerk: Client, books: list[int]) -> None:
    text = f"id,price\n{books[0]},5\n".encode()
    form = {"file": (io.BytesIO(text), "prices.csv"), "preview": "true"}
    answer = clerk.http.post(f"/api/v2{UPDATES}", data=form, headers=clerk.headers)
    assert done(shop, clerk, answer)["status"] == "previewed"
    once = {**CSV, "Idempotency_Key": "once"}
    first = clerk.call("POST", UPDATES, text, **once)
    again = clerk.call("POST", UPDATES, text, **once)
    assert (ok(first, 202), again.headers["Idempotency-Replayed"]) == (ok(again, 202), "true")
    problem(clerk.call("POST", UPDATES, text + b" ", **once), 422, "idempotency_key_reused")
    problem(clerk.call("POST", UPDATES, b"", **CSV), 422, "validation_failed")
    problem(clerk.call("POST", UPDATES, b"x", Content_Type="text/plain"), 415,
            "unsupported_media_type")  # fmt: skip
    huge = b"id,price\n" + b"1,1.00\n" * 1_600_000
    problem(clerk.call("POST", UPDATES, huge, **CSV), 413, "body_too_large")
    for form, field in (
        ({"preview": "true"}, "file"),
        ({"file": (io.BytesIO(text), "a"), "more": "1"}, "more"),
        ({"file": (io.BytesIO(text), "a"), "preview": "perhaps"}, "preview"),
        ({"file": (io.BytesIO(text), "a"), "files": (io.BytesIO(text), "b")}, "files"),
    ):
        sent = {"data": form, "headers": clerk.headers, "content_type": "multipart/form-data"}
        answer = clerk.http.post(f"/api/v2{UPDATES}", **sent)
        assert list(problem(answer, 422, "validation_failed")["errors"]) == [field]


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_form_sent_again_is_the_same(shop: Flask, clerk: Client, books: list[int]) -> None:
    def send_form(boundary: str, price: str) -> Any:
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
            f"id,price\n{books[0]},{price}\n\r\n--{boundary}--\r\n"
        )
        kind = f"multipart/form-data; boundary={boundary}"
        return clerk.call("POST", UPDATES, body, Content_Type=kind, Idempotency_Key="form")

    first = ok(send_form("one-try", "5"), 202)
    again = send_form("another-try", "5")
    assert (ok(again, 202), again.headers["Idempotency-Replayed"]) == (first, "true")
    problem(send_form("a-third", "6"), 422, "idempotency_key_reused")
