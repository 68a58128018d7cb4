"""``flask jobs``."""

from collections.abc import Iterator
from typing import Any

import click
from flask.cli import AppGroup

from bookstore.cli.refusals import shown
from bookstore.schemas.v2.jobs import JobSchema
from bookstore.services import jobs
from bookstore.services.actors import SYSTEM
from bookstore.services.paging import PageRequest

_SHOWN = 10
# What the database can hold.
_ID = click.IntRange(1, 2**63 - 1)
jobs_cli = AppGroup("jobs", help="What somebody asked for and may watch: reports, imports …")


@jobs_cli.command("list")
@click.option("--status", help="Only these: queued, running, succeeded, failed or cancelled.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="At most so many.",
)
def list_command(status: str | None, limit: int) -> None:
    """List the jobs, newest first."""
    with shown():
        found = jobs.list_jobs(SYSTEM, PageRequest(limit=limit), status=status, everyone=True).data
    for job in found:
        click.echo(_line(job))
    if not found:
        click.echo("There are none.")


@jobs_cli.command("show")
@click.argument("job_id", type=_ID, metavar="ID")
def show(job_id: int) -> None:
    """Show everything about a job, but for what would fill screens: its files have that."""
    with shown():
        job = jobs.get(SYSTEM, job_id)
    lines = list(_lines("", JobSchema().dump(job)))
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:<{width}}  {value}".rstrip())


@jobs_cli.command("cancel")
@click.argument("job_id", type=_ID, metavar="ID")
def cancel(job_id: int) -> None:
    """Call a job off; what it has done by then stays."""
    with shown():
        click.echo(_line(jobs.cancel(SYSTEM, job_id)))


def _lines(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of each value; of a list no more than its first."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value[:_SHOWN], start=1):
            yield from _lines(f"{name}.{number}", inner)
        if len(value) > _SHOWN:
            yield name, f"… {len(value)} in all"
    else:
        words = {None: "", True: "yes", False: "no"}
        known = value is None or isinstance(value, bool)
        yield name, words[value] if known else _printable(str(value))


def _printable(text: str) -> str:
    """Return a text in one line that tells a terminal nothing: files of strangers are quoted."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _line(job: dict[str, Any]) -> str:
    done, total = job["progress"]["done"], job["progress"]["total"]
    far = f"{done}" if total is None else f"{done} of {total}"
    why = f"  {job['error']['code']}: {job['error']['detail']}" if job["error"] else ""
    words = (f"{job['created_at']:%Y-%m-%d %H:%M}", job["kind"], job["requested_by"])
    return _printable(f"{job['id']:>6}  {'  '.join(words)}  {job['status']}, {far}{why}")
