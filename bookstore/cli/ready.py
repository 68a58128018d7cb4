"""``flask ready``."""

import sys
import time

import click
from flask.cli import with_appcontext

from bookstore.services import health

BETWEEN_SECONDS = 1.0


@click.command("ready")
@click.option(
    "--wait",
    default=0,
    show_default=True,
    type=click.IntRange(0, 86_400),
    help="Seconds to wait for it.",
)
@with_appcontext
def ready_command(wait: int) -> None:
    """Exit with 0 when the database answers and has the migrations of this release, else with 1.

    For what starts before them: workers in containers, say.
    """
    over, said = time.monotonic() + wait, ""
    while not (state := health.look()).can_serve:
        checks = state.checks()
        wrong = f"database: {checks['database']}, migrations: {checks['migrations']}"
        if wrong != said:
            click.echo(wrong, err=True)
            said = wrong
        if time.monotonic() >= over:
            sys.exit(1)
        time.sleep(min(BETWEEN_SECONDS, max(0.0, over - time.monotonic())))
    click.echo("ready")
