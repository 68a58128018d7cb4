"""How the demo pays: test cards, a bank that asks back, money that goes back."""

from typing import Any
from urllib.parse import urlsplit

import click

from bookstore import money
from bookstore.cli.demo import printing
from bookstore.cli.demo.journey import Journey
from bookstore.cli.demo.outside import Socket
from bookstore.cli.demo.spoken_v2 import SpokenV2

GOOD, DECLINED, ASKS_BACK = "4242424242424242", "4000000000000002", "4000002500003155"


def pay(spoken: SpokenV2, order: dict[str, Any], *cards: str) -> None:
    """Pay an order with these cards one after the other, until one is good.

    Raises:
        click.ClickException: a card behaves otherwise than Stripe says, or nobody is told.
    """
    client_secret = spoken.open_payment(order["id"])
    for card in cards:
        _try(spoken.journey, client_secret, card)
        # As a buyer does: see that it went wrong before the next card is taken out.
        outcome = "failed" if card == DECLINED else "paid"
        wait_until(spoken.journey, order, outcome)
        printing.came(f"live: Stripe's signed event has arrived, payment_status is {outcome}")


def wait_until(journey: Journey, order: dict[str, Any], payment_status: str) -> None:
    """Follow an order until its payment stands so.

    Raises:
        click.ClickException: it does not.
    """
    live = Socket(f"{journey.url}/ws/orders/{order['id']}/", journey.headers)
    try:
        live.wait_for(
            lambda m: m.get("update", m.get("order", {})).get("payment_status") == payment_status
        )
    finally:
        live.close()


def half(order: dict[str, Any]) -> str:
    """Return half of what an order costs, as an amount that its currency has."""
    currency = order["currency"]
    unit = money.unit(currency)
    return money.to_text(
        money.to_minor(order["total_amount"], currency) // 2 // unit * unit, currency
    )


def _try(journey: Journey, client_secret: str, card: str) -> None:
    body = {"client_secret": client_secret, "card_number": card}
    outcome = journey.call("POST", "/api/v2/payments/test/confirm", body).json()
    expected = {
        GOOD: "succeeded",
        DECLINED: "requires_payment_method",
        ASKS_BACK: "requires_action",
    }[card]
    if outcome["status"] != expected:
        raise click.ClickException(f"card …{card[-4:]} ended as {outcome['status']}")
    if outcome["next_action"] is not None:
        # What the buyer does in a browser: the bank's page opens, and they agree. Its address is
        # the shop's as customers know it, which need not be the one that is called here.
        page = urlsplit(outcome["next_action"]["url"]).path
        journey.call("GET", page)
        journey.submit(page, {"outcome": "complete"})
