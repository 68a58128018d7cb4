"""The walk, from looking around to a paid order that is followed until it is sent."""

import secrets
from contextlib import ExitStack
from typing import Any

import click

from bookstore.cli.demo import paying, told
from bookstore.cli.demo.outside import Receiver, Socket
from bookstore.cli.demo.spoken_v2 import SpokenV2
from bookstore.cli.demo.staff import Clerk
from bookstore.cli.refusals import shown
from bookstore.config import Settings
from bookstore.services import doctor


def walk(spoken: SpokenV2, query: str, here: Settings) -> None:
    """Go all the way, printing each step.

    Args:
        spoken: the API to say it in.
        query: what the reader looks for.
        here: the running shop's settings.

    Raises:
        click.ClickException: something is not as promised.
    """
    name, password = f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    click.echo(f"A reader's journey, told to {spoken.journey.url} in {spoken.name}")
    with ExitStack() as stack:
        order = _walk(spoken, stack, name, password, query, here)
        spoken.journey.step("The demo clears up: its webhook and its staff account go")
    click.echo(f"\nFollow it in a browser: {spoken.journey.url}/track/{order['number']}")
    click.echo(f"as {name} with the password {password}")
    click.echo(f"Every call is explained at {spoken.journey.url}{spoken.explained_at}")


def _walk(
    spoken: SpokenV2, stack: ExitStack, name: str, password: str, query: str, here: Settings
) -> dict[str, Any]:
    journey = spoken.journey

    journey.step("1. Look around as a guest: search forgives a typo")
    found = spoken.search(query)
    if not found:
        raise click.ClickException(f"nothing in stock was found for {query!r}; try --query")
    book = found[0]
    spoken.look_at(book["id"])

    journey.step("2. Put it into a guest's cart")
    guest = {"X-Cart-Token": spoken.start_as_guest(book["id"])}

    journey.step("3. Register (all do so by API v2) and log in; the guest's cart comes along")
    spoken.register(name, password)
    with journey.acting(guest):
        reader = spoken.log_in(name, password)
    journey.headers = reader
    _require(spoken.see_cart() == 1, "the guest's cart has not come along")
    phone = {"token": f"demo-{secrets.token_hex(16)}", "platform": "android"}
    device = journey.call("POST", "/api/v2/me/devices", phone).json()["id"]
    inbox = Socket(f"{journey.url}/ws/notifications/", journey.headers)
    stack.callback(inbox.close)

    journey.step("   Meanwhile staff (an account made for this demo) has a webhook for orders")
    clerk = stack.enter_context(Clerk(spoken))
    receiver = stack.enter_context(Receiver())
    endpoint = clerk.listen(receiver.url)
    stack.callback(clerk.listen_no_more, endpoint["id"])

    journey.step("4. Wish for another book, then move it into the cart")
    others = [one for one in spoken.best_rated() if one["id"] != book["id"]]
    _require(len(others) > 1, "the demo needs three books that are in stock")
    spoken.wish(others[0]["id"], "For the holidays")
    spoken.move_to_cart(others[0]["id"])

    journey.step("5. Ask what it costs, and order at that price")
    total, key = spoken.quote(), secrets.token_hex(8)
    order = spoken.order(total, key)

    journey.step("6. The connection breaks, the client asks again: one order, not two")
    again = spoken.order_again(total, key)
    _require(again["id"] == order["id"], "a second order was made")
    click.echo(f"  It is order {again['number']}, as before.")

    live = Socket(f"{journey.url}/ws/orders/{order['id']}/", journey.headers)
    stack.callback(live.close)

    journey.step("7. Pay: a card that is declined, then a good one")
    _require(here.takes_test_cards, "this shop takes real cards: the demo ends here, unpaid")
    paying.pay(spoken, order, paying.DECLINED, paying.GOOD)

    journey.step("8. Another order, paid with a card whose bank asks back (3-D Secure)")
    spoken.add_to_cart(others[1]["id"])
    second = spoken.order(spoken.quote(), secrets.token_hex(8))
    paying.pay(spoken, second, paying.ASKS_BACK)

    journey.step("9. Staff sends the first, and gives half of the second's money back")
    with clerk.acting():
        spoken.ship(order["id"], "DEMO-0001")
    refund = paying.half(second)
    clerk.refund(second["id"], refund)
    paying.wait_until(journey, second, "partially_refunded")

    journey.step("10. What everybody was told of the first, without asking")
    told.by_webhook(receiver, endpoint["secret"])
    told.live(live, inbox)
    told.in_the_inbox(journey, order)
    told.by_mail_and_push(order, device, here)

    journey.step("11. The reader sees where it is, and the receipt")
    journey.call("GET", f"/api/v2/orders/{order['id']}/events")
    done = spoken.see_order(order["id"])
    _require(done["status"] == "shipped", "the order is not on its way")
    journey.call("GET", f"/api/v2/orders/{order['id']}/invoice")
    _receipt(done)

    journey.step("12. Do stock, orders, payments and what Stripe holds agree? (flask doctor)")
    _examine()
    return order


def _require(kept: bool, broken: str) -> None:
    if not kept:
        raise click.ClickException(broken)


def _receipt(order: dict[str, Any]) -> None:
    click.echo(f"\n  Receipt for order {order['number']} ({order['status']})")
    for item in order["items"]:
        title = item["title"] if len(item["title"]) <= 44 else item["title"][:43] + "…"
        click.echo(f"  {item['quantity']:>3} x {title:44} {item['line_total']:>9}")
    for label in ("subtotal", "discount", "shipping", "tax", "total_amount"):
        click.echo(f"  {label.replace('_', ' '):>50} {order[label]:>9}")


def _examine() -> None:
    with shown():
        found = list(doctor.examine(days=1))
        looked_at = ", ".join(f"{count} {what}" for what, count in doctor.count().items())
    for line in found:
        click.echo(f"  {line}")
    _require(not found, f"{len(found)} disagreements in {looked_at}")
    click.echo(f"  Nothing found: {looked_at}.")
