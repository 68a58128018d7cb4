"""``flask doctor``."""

import sys

import click
from flask.cli import with_appcontext

from bookstore.cli.refusals import shown
from bookstore.services import doctor


@click.command("doctor")
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Compare what was paid in so many days with Stripe.",
)
@click.option("--offline", is_flag=True, help="Do not ask Stripe.")
@with_appcontext
def doctor_command(days: int, offline: bool) -> None:
    """Check that stock, orders, coupons, payments and Stripe agree; exit 1 when they do not."""
    wrong = 0
    with shown():
        for line in doctor.examine(days=days, offline=offline):
            click.echo(line)
            wrong += 1
        looked_at = ", ".join(f"{count} {what}" for what, count in doctor.count().items())
    if wrong:
        click.echo(f"{wrong} disagreement{'s' * (wrong > 1)} in {looked_at}.")
        sys.exit(1)
    click.echo(f"Nothing found: {looked_at}.")
