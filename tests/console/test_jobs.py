"""Jobs in the console."""

from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import AuditEntry
from bookstore.services import book_reports, job_running
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
