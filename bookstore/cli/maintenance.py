"""``flask maintenance``."""

import click
from flask.cli import with_appcontext

from bookstore.cli.refusals import shown
from bookstore.services import maintenance


@click.command("maintenance")
@with_appcontext
def maintenance_command() -> None:
    """Delete what is past its time: old idempotency keys, logins, guest carts, uploads, events …

    And recount the sums of sales. The scheduler does it daily, and `flask serve` when it starts.
    """
    with shown():
        for what, count in maintenance.run().items():
            click.echo(f"{count} {what} deleted")
