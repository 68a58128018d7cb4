"""``flask jobs`` and ``flask reports book``."""

import json

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore.jobs import run_job
from bookstore.models import Job
from bookstore.services import catalog_imports, jobs
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.cli.test_commands import run
from tests.factories import make_book

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def test_they_are_listed_and_called_off(app: Flask) -> None:
    assert run(app, "jobs", "list").output == "There are none.\n"
    first, second = (jobs.start(SYSTEM, "report.book", {"book_id": 9}, total=5).id for _ in "ab")
    run_job(first)  # there is no such book
    called_off = run(app, "jobs", "cancel", str(second)).output
    assert called_off.endswith("report.book  system  cancelled, 0 of 5\n")
    listed = run(app, "jobs", "list").output.splitlines()
    assert listed[0] == called_off.rstrip("\n")
    assert listed[1].endswith("failed, 0 of 5  not_found: There is no book 9.")
    assert run(app, "jobs", "list", "--status", "queued").output == "There are none.\n"
    refused = run(app, "jobs", "cancel", str(first))
    assert refused.exit_code == 1
    assert "nothing left to call off" in refused.output


def test_one_is_shown(app: Flask) -> None:
    lines = [f"Book {n},Ann Author,x" for n in range(12)]
    text = "\n".join(["title,authors,price", *lines, "Emma,Jane Austen,9.99"])
    job_id = catalog_imports.start(SYSTEM, data=text.encode(), url=None, dry_run=True).id
    run_job(job_id)
    told = dict(
        [*line.split(None, 1), ""][:2]
        for line in run(app, "jobs", "show", str(job_id)).output.splitlines()
    )
    assert (told["id"], told["kind"], told["status"]) == (
        str(job_id),
        "catalog.import",
        "succeeded",
    )
    assert (told["parameters.dry_run"], told["parameters.url"]) == ("yes", "")
    assert (told["result.counts.created"], told["result.counts.refused"]) == ("1", "12")
    assert told["result.refused.1"].startswith("row 2: price")
    assert told["result.refused"] == "… 12 in all"
    assert told["files.1.url"] == f"/api/v2/jobs/{job_id}/files/refused.csv"
    assert "result.refused.11" not in told
    missing = run(app, "jobs", "show", "987654")
    assert (missing.exit_code, missing.output) == (1, "Error: There is no job 987654.\n")


def test_what_strangers_wrote_moves_no_cursor(app: Flask) -> None:
    wrong = "\x1b[2J\nstatus  succeeded"
    file = f'title,authors,price\nEmma,Jane Austen,"{wrong}"\n'
    job_id = catalog_imports.start(SYSTEM, data=file.encode(), url=None, dry_run=True).id
    run_job(job_id)
    with unit_of_work() as session:
        told = {**(session.get_one(Job, job_id).result or {}), "note": wrong}
        session.execute(update(Job).values(result=told))
    output = run(app, "jobs", "show", str(job_id)).output
    assert "\x1b" not in output
    assert output.count("\nstatus") == 1
    assert "\N{REPLACEMENT CHARACTER}[2J" in output


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_a_number_that_none_has(app: Flask, command: str) -> None:
    refused = run(app, "jobs", command, "9" * 30)
    assert refused.exit_code == 2
    assert "is not in the range" in refused.output


def test_a_report_is_printed(app: Flask) -> None:
    book = make_book("Piranesi").id
    assert json.loads(run(app, "reports", "book", str(book)).output)["book"]["title"] == "Piranesi"
    printed = run(app, "reports", "book", str(book), "--format", "csv").output
    assert printed.startswith("section,item,value,unit")
    assert "<h1>Piranesi</h1>" in run(app, "reports", "book", str(book), "--format", "html").output
    assert run(app, "reports", "book", "987654").output == "Error: There is no book 987654.\n"
