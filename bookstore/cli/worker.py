"""``flask worker``."""

import dataclasses
import sys

import click
import orjson
from flask.cli import AppGroup

from bookstore.services import metrics
from bookstore.services.metrics import MOST, Figures

worker_cli = AppGroup("worker", help="What leaves the shop, and who sends it.")


@worker_cli.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Print what waits, who works and what is wrong; exit with 1 if anything is."""
    figures = metrics.collect()
    alarms = figures.alarms()
    if as_json:
        body = {**dataclasses.asdict(figures), "alarms": alarms}
        click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    else:
        _print(figures, alarms)
    if alarms:
        sys.exit(1)


def _print(figures: Figures, alarms: list[str]) -> None:
    row = "{:10} {:>8} {:>8} {:>8} {:>12}  {}"
    click.echo(row.format("channel", "pending", "due", "held", "oldest due", "outcomes"))
    for name, channel in figures.channels.items():
        late = channel.oldest_due_seconds
        outcomes = ", ".join(f"{count} {kind}" for kind, count in sorted(channel.outcomes.items()))
        click.echo(
            row.format(
                name,
                _count(channel.pending),
                _count(channel.due),
                _count(channel.held),
                "-" if late is None else f"{late:.0f} s",
                outcomes or "-",
            )
        )
    click.echo(
        f"webhook endpoints: {_known(figures.breakers_open)} with an open breaker, "
        f"{_known(figures.endpoints_disabled)} disabled"
    )
    for name, depth in figures.queued.items():
        click.echo(f"queue {name}: {depth} waiting, {figures.workers.get(name, 0)} workers")
    click.echo(f"schedulers: {_known(figures.schedulers)}")
    since = figures.seconds_since_sweep
    click.echo(f"last sweep: {'unknown' if since is None else f'{since:.0f} s ago'}")
    click.echo(f"sockets: {_known(figures.sockets_open)} open")
    for alarm in alarms:
        click.echo(f"WRONG: {alarm}", err=True)


def _count(number: int) -> str:
    return f"{number}+" if number >= MOST else str(number)


def _known(number: int | None) -> str:
    return "?" if number is None else str(number)
