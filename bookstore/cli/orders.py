"""``flask orders``."""

import click
from flask.cli import AppGroup

from bookstore.cli.refusals import shown
from bookstore.services import orders
from bookstore.services.actors import SYSTEM

orders_cli = AppGroup("orders", help="Orders.")


@orders_cli.command("advance")
@click.argument("order")
@click.option("--to", "status", help="The new status; unset, the next one.")
@click.option("--tracking", "tracking_number", help="Tracking number.")
@click.option("--note", default="", help="For the history.")
def advance(order: str, status: str | None, tracking_number: str | None, note: str) -> None:
    """Move ORDER (its number or id) to its next status."""
    with shown():
        order_id = orders.find(order)
        wanted = status or orders.next_status(orders.get(SYSTEM, order_id))
        if wanted is None:
            raise click.ClickException(f"Order {order} has come to its end.")
        moved = orders.advance(SYSTEM, order_id, wanted, tracking_number=tracking_number, note=note)
    click.echo(f"{moved.number} is {moved.status}.")
