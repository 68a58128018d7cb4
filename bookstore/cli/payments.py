"""``flask payments``."""

import sys
from datetime import timedelta

import click
from flask.cli import AppGroup

from bookstore import clock
from bookstore.cli.refusals import shown
from bookstore.services import reconciliation

payments_cli = AppGroup("payments", help="Payments.")


@payments_cli.command("reconcile")
@click.option(
    "--days", default=1, show_default=True, type=click.IntRange(1, 3650), help="So many days back."
)
def reconcile(days: int) -> None:
    """Compare payments with Stripe, mend what is only late; exit 1 when something differs."""
    now = clock.now()
    with shown():
        found = reconciliation.reconcile(now - timedelta(days=days), now)
    for one in found:
        click.echo(one.text)
    if found:
        sys.exit(1)
    click.echo("Nothing differs.")
