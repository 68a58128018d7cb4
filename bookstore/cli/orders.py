"""``flask orders``."""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from bookstore import money
from bookstore.cli.refusals import shown
from bookstore.schemas.v2.orders import AddressSchema
from bookstore.services import accounts, orders, peer_orders
from bookstore.services.actors import SYSTEM

_LINES = ("name", "line1", "city", "postal_code", "country")

orders_cli = AppGroup("orders", help="Orders.")


@orders_cli.command("create")
@click.argument("username")
@click.option("--item", "items", multiple=True, required=True, help="BOOK_ID or BOOK_ID:COPIES.")
@click.option("--to", "address", required=True, help="name | line1 | city | postal code | country")
@click.option("--method", "shipping_method", default="standard", help="How to send it.")
@click.option("--key", help="The same key is the same order, for 24 hours.")
def create(
    username: str, items: tuple[str, ...], address: str, shipping_method: str, key: str | None
) -> None:
    """Order books for USERNAME, say of a customer on the telephone; their cart stays as it is."""
    wanted = [_item(item) for item in items]
    with shown():
        order = peer_orders.create_order(
            accounts.find(username).id,
            wanted,
            _address(address),
            shipping_method=shipping_method,
            key=key,
        )
    total = f"{money.to_text(order.total_amount, order.currency)} {order.currency.upper()}"
    click.echo(f"{order.number} is {order.status}: {total}, {order.payment_status}.")


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


def _item(text: str) -> dict[str, int]:
    book_id, _, copies = text.partition(":")
    if not (book_id.isdecimal() and (copies or "1").isdecimal() and len(text) < 30):
        raise click.BadParameter(f"{text!r} is not BOOK_ID:COPIES", param_hint="--item")
    return {"book_id": int(book_id), "quantity": int(copies or 1)}


def _address(text: str) -> dict[str, str]:
    """Read an address; one that is not good is refused as by the API."""
    lines = [line.strip() for line in text.split("|")]
    if len(lines) != len(_LINES):
        hint = " | ".join(_LINES)
        raise click.BadParameter(f"write it as {hint}", param_hint="--to")
    try:
        read: dict[str, str] = AddressSchema().load(dict(zip(_LINES, lines, strict=True)))
    except ValidationError as error:
        raise click.BadParameter(str(error.messages), param_hint="--to") from None
    return read
