"""Many prices at once, by a file in the console."""

import io

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import AuditEntry, Book, Job
from bookstore.services import catalog_editing, job_running, jobs, price_files
from bookstore.services.actors import SYSTEM
from tests.console.browsing import Browser
from tests.factories import new_book

PATH = "/admin/prices/updates/"


def send(clerk: Browser, text: str) -> str:
    """Send a file and return where that leads."""
    clerk.open(PATH)
    file = (io.BytesIO(text.encode()), "prices.csv")
    return clerk.post(PATH, clerk.form(PATH) | {"file": file}).at


def work(shop: Flask) -> None:
    """Do what waits to be done."""
    with shop.app_context():
        for job_id in db.session.scalars(select(Job.id).where(Job.status == "queued")).all():
            job_running.run(job_id)


def prices(shop: Flask) -> list[int]:
    with shop.app_context():
        return list(db.session.scalars(select(Book.price).order_by(Book.id)))


def test_a_file_is_previewed_applied_and_taken_back(shop: Flask) -> None:
    dune, ulysses = (new_book(shop, title=title, price=1000) for title in ("<i>Dune", "Ulysses"))
    clerk = Browser.of(shop).open("/admin/prices/")
    path = send(clerk, f"id,price\n{dune},12.50\n{ulysses},8.00\n987654,1.00\n{dune},x\n")
    assert ("The file is being read." in clerk.page, "reading" in clerk.page) == (True, True)
    work(shop)
    clerk.open(path)
    assert "&lt;i&gt;Dune" in clerk.page
    for told in ("previewed", "change 2 prices", "12.50 USD", "there is no such book"):
        assert told in clerk.page, told
    assert prices(shop) == [1000, 1000]
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, ulysses, {"price": 900})
    twice = clerk.form(f"{path}/apply")
    clerk.post(f"{path}/apply", twice)
    assert "The prices are being changed." in clerk.page
    clerk.post(f"{path}/apply", twice)
    work(shop)
    assert prices(shop) == [1250, 900]
    clerk.open(f"{path}?outcome=changed_since_preview")
    assert clerk.page.count("Ulysses") == 2  # among the largest, and in the list
    clerk.send(f"{path}/undo")
    work(shop)
    assert prices(shop) == [1000, 900]
    assert "undone" in clerk.open(path).page
    clerk.post(f"{path}/undo", clerk.form("/admin/logout") | {"key": "0" * 22})
    assert clerk.answer.status_code == 409
    assert "<tr" in clerk.open(PATH).page
    with shop.app_context():
        noted = select(AuditEntry.action, AuditEntry.target_kind).order_by(AuditEntry.id)
        found = [tuple(row) for row in db.session.execute(noted)]
    assert found.count(("console.price_updates.apply", "price_update")) == 1
    assert ("console.price_updates.undo", "price_update") in found


def test_another_file_by_the_same_form_is_not_taken_for_the_first(shop: Flask) -> None:
    book = new_book(shop, price=1000)
    clerk = Browser.of(shop).open(PATH)
    form = clerk.form(PATH)

    def sent(text: str) -> int:
        clerk.post(PATH, form | {"file": (io.BytesIO(text.encode()), "prices.csv")})
        return clerk.answer.status_code

    # As whoever goes back in the browser and chooses another does.
    assert sent(f"id,price\n{book},12.50\n") == 200
    first = clerk.at
    assert (sent(f"id,price\n{book},12.50\n"), clerk.at) == (200, first)
    assert (sent(f"id,price\n{book},99.00\n"), clerk.at) == (422, PATH)


def test_what_is_no_file_of_prices_is_said_so(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_files, "MAX_BYTES", 1000)
    clerk = Browser.of(shop)
    for text in ("", "x" * 1001):
        send(clerk, text)
        assert (clerk.answer.status_code, 'id="file-error"' in clerk.page) == (422, True)
    clerk.open(PATH).send(PATH)
    assert (clerk.answer.status_code, 'id="file-error"' in clerk.page) == (422, True)
    clerk.open(PATH).send(PATH, url="http://127.0.0.1/prices.csv")
    assert clerk.answer.status_code == 422
    path = send(clerk, "title,price\nDune,1.00\n")
    work(shop)
    clerk.open(path)
    assert ("failed" in clerk.page, "needs one of the columns" in clerk.page) == (True, True)
    assert "<button>Apply" not in clerk.page


@pytest.mark.parametrize("act", ["apply", "undo"])
def test_one_that_was_interrupted_is_carried_on_or_taken_back(shop: Flask, act: str) -> None:
    books, clerk = [new_book(shop, price=1000) for _ in range(2)], Browser.of(shop)
    path = send(clerk, "id,price\n" + "".join(f"{book},12.50\n" for book in books))
    work(shop)
    clerk.open(path).send(f"{path}/apply")
    with shop.app_context():
        jobs.cancel(SYSTEM, db.session.scalars(select(Job.id).order_by(Job.id.desc())).first() or 0)
    clerk.open(path)
    assert "interrupted half-way" in clerk.page
    assert "data-refresh" not in clerk.page
    clerk.send(f"{path}/{act}")
    work(shop)
    clerk.open(path)
    assert ("applied" if act == "apply" else "undone") in clerk.page
    assert prices(shop) == [1250 if act == "apply" else 1000] * 2
