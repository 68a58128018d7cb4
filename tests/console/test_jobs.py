"""Jobs in the console."""

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import AuditEntry
from bookstore.services import book_reports, catalog_imports, job_running, jobs, price_updates
from bookstore.services.actors import SYSTEM
from tests.clients import statements
from tests.console.browsing import Browser
from tests.factories import new_book


def test_one_is_asked_for_watched_and_opened(shop: Flask) -> None:
    book = new_book(shop, title="<b>Dune</b>")
    clerk = Browser.of(shop).open(f"/admin/stock/{book}")
    clerk.send(f"/admin/jobs/reports/books/{book}")
    path = clerk.at
    assert ("The report is on its way." in clerk.page, "queued" in clerk.page) == (True, True)
    assert ("<progress" in clerk.page, f'href="{path}"' in clerk.page) == (True, True)
    job_id = int(path.rpartition("/")[2])
    with shop.app_context():
        job_running.run(job_id)
        other = book_reports.start(SYSTEM, book).id
    clerk.open(path)
    assert ("succeeded" in clerk.page, "<progress" in clerk.page) == (True, False)
    assert ("<b>Dune" in clerk.page, "&lt;b&gt;Dune" in clerk.page) == (False, True)
    html = clerk.http.get(f"{path}/files/book-{book}.html")
    assert (html.status_code, html.mimetype) == (200, "text/html")
    policy = html.headers["Content-Security-Policy"]
    assert ("sandbox" in policy, "script-src" in policy) == (True, False)
    table = clerk.http.get(f"{path}/files/book-{book}.csv")
    assert "attachment" in table.headers["Content-Disposition"]
    with statements(shop) as said:
        clerk.open("/admin/jobs/?status=queued&kind=report.book")
    assert len(said) == 2
    assert (f"/jobs/{other}" in clerk.page, f"/jobs/{job_id}" in clerk.page) == (True, False)
    assert f"/jobs/{other}" not in clerk.open("/admin/jobs/?mine=true").page
    off = f"/admin/jobs/{other}/cancel"
    clerk.open(f"/admin/jobs/{other}")
    form = clerk.form(off)
    clerk.post(off, form)
    assert "It is called off." in clerk.page
    late = f"{path}/cancel"
    assert clerk.post(late, form).answer.status_code == 409
    assert clerk.open("/admin/jobs/?status=nonsense").answer.status_code == 422
    with shop.app_context():
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(one.action, one.target_kind, one.target_id) for one in entries] == [
        ("console.jobs.report_book", "book", str(book)),
        ("console.jobs.cancel", "job", str(other)),
    ]


def told(clerk: Browser, job_id: int) -> dict[str, tuple[str, str | None]]:
    """Return name → (text, where it leads) of the tables of a job's page."""
    page = clerk.open(f"/admin/jobs/{job_id}").page
    cells = r'data-label="What"><span>(.*?)</span></td>\s*<td[^>]*><span>(.*?)</span>'
    found: dict[str, tuple[str, str | None]] = {}
    for name, inner in re.findall(cells, page, re.DOTALL):
        link = re.search(r'href="([^"]*)"', inner)
        text = unescape(re.sub("<[^>]*>", "", inner.replace("<br>", "|")))
        found[name] = text, unescape(link[1]) if link else None
    return found


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_was_asked_and_what_came_of_it_can_be_read(shop: Flask) -> None:
    clerk, book = Browser.of(shop), new_book(shop)
    prices = f"id,price\n{book},5.00\n987654,1.00\n".encode()
    text = b"title,authors,price\n<i>Dune,Frank Herbert,9.99\nEmma,Jane Austen,<x>\n"
    with shop.app_context():
        update = price_updates.start(SYSTEM, data=prices, url=None, preview=False)
        loaded = catalog_imports.start(SYSTEM, data=text, url=None, set_stock=True).id
        fetched = catalog_imports.start(SYSTEM, data=None, url="https://example.com/a?b=SECRET").id
        report = book_reports.start(SYSTEM, book).id
        job_id, update_id = update.id, update.parameters["price_update_id"]
        for one in (job_id, loaded, report):
            job_running.run(one)
    where = f"/admin/prices/updates/{update_id}"
    assert told(clerk, job_id) == {
        "Price update": (str(update_id), where),
        "What to do": ("read the file", None),
        "Rows": ("2", None),
        "Refused": ("1", f"{where}?outcome=refused"),
        "Changed": ("1", f"{where}?outcome=changed"),
        **dict.fromkeys(("Unchanged", "Waiting", "Changed since preview", "Gone"), ("0", None)),
        **dict.fromkeys(("Undone", "Changed since update"), ("0", None)),
    }  # fmt: skip
    assert told(clerk, loaded) == {
        "File": ("sent along", None),
        "Format of the file": ("as a look at it says", None),
        "Only a report": ("no", None),
        "Also set the stock": ("yes", None),
        "Created": ("1", None),
        "Updated": ("0", None),
        "Unchanged": ("0", None),
        "Refused": ("1", f"/admin/jobs/{loaded}/files/refused.csv"),
        "Refused, one by one": (
            "row 3: price: is '<x>': Not a decimal amount such as 19.99.", None
        ),
    }  # fmt: skip
    assert clerk.http.get(f"/admin/jobs/{loaded}/files/refused.csv").status_code == 200
    assert told(clerk, fetched)["Address of the file"] == ("https://example.com/a", None)
    assert "SECRET" not in clerk.page
    shown = told(clerk, report)
    assert shown["Book"] == (str(book), f"/admin/stock/{book}")
    assert shown["Sales: copies"] == ("0", None)
    assert shown["Sales: months"] == ("none", None)
    assert "<details>" in clerk.page


def test_recommendations_are_found_out(shop: Flask) -> None:
    clerk = Browser.of(shop).open("/admin/jobs/")
    path = "/admin/jobs/recommendations/fits"
    form = clerk.form(path)
    clerk.send(path)
    assert "Recommendations are being found out." in clerk.page
    job = int(clerk.at.rpartition("/")[2])
    clerk.post(path, form)  # sent twice
    assert clerk.at == f"/admin/jobs/{job}"
    clerk.open("/admin/jobs/")
    assert clerk.post(path, clerk.form(path)).answer.status_code == 409
    assert "just being fitted" in clerk.page
    with shop.app_context():
        job_running.run(job)
        assert jobs.get(SYSTEM, job)["result"]["books"] == 0
    assert "succeeded" in clerk.open(f"/admin/jobs/{job}").page
