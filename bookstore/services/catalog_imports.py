"""Catalogues that staff sends in over the API: what ``flask catalog import`` does, as a job."""

import csv
import io
from typing import Any, Literal

from bookstore.models import Job
from bookstore.services import catalog_import, incoming_files, jobs
from bookstore.services.actors import Acting, require_staff
from bookstore.services.imports import cells
from bookstore.services.imports.report import Report
from bookstore.services.job_progress import Progress

KIND = "catalog.import"
MAX_BYTES = 50 * 1024 * 1024
# In the result; there are more in the file "refused.csv".
SHOWN_ERRORS = 100


def start(
    actor: Acting,
    *,
    data: bytes | None,
    url: str | None,
    format: Literal["csv", "onix"] | None = None,
    dry_run: bool = False,
    set_stock: bool = False,
) -> Job:
    """Have a catalogue read and its books created or changed.

    Args:
        actor: staff.
        data: the file, at most ``MAX_BYTES``; or
        url: where it is.
        format: of the file; None: by a look at it.
        dry_run: only report what would happen.
        set_stock: also set the stock of books that are there already.

    Raises:
        Forbidden, UrlNotAllowed, StorageUnavailable: as ``incoming_files.accept``.
    """
    key = incoming_files.accept(actor, data, url)
    options = {"format": format, "dry_run": dry_run, "set_stock": set_stock}
    return jobs.start(actor, KIND, {"key": key, "url": url, **options})


def run(progress: Progress) -> dict[str, Any]:
    """Do what a job is for; its result is the counts, and the first of what was refused.

    Raises:
        Forbidden: who asked is not staff (any more).
        Invalid, FileUnavailable: the file is none; nothing was loaded.
    """
    require_staff(progress.actor)
    wanted = progress.parameters
    key = wanted["key"] or progress.state.get("key")
    if key is None:
        key = incoming_files.fetch(wanted["url"], MAX_BYTES)
        with progress.batch(0, key=key) as session:
            progress.forget_secrets(session)
    with incoming_files.local_copy(key, MAX_BYTES) as path:
        report = catalog_import.import_file(
            progress.actor,
            path,
            wanted["format"],
            dry_run=wanted["dry_run"],
            set_stock=wanted["set_stock"],
            name="The file",
            steps=progress,
        )
    if report.errors:
        progress.keep("refused.csv", _table(report), "text/csv; charset=utf-8")
    # The file stays for its time: were this worker to die now, another would come for it.
    return {
        "dry_run": wanted["dry_run"],
        "counts": {
            "created": report.created,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "refused": report.bad,
        },
        "refused": [str(error) for error in report.errors[:SHOWN_ERRORS]],
    }


def _table(report: Report) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["row", "field", "reason"])
    for error in report.errors:
        writer.writerow([error.row, cells.guard(error.field), cells.guard(error.reason)])
    return stream.getvalue().encode()
