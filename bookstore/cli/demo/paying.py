"""How the demo pays: test cards, a bank that asks back, money that goes back."""

from typing import Any

import click

from bookstore import money
from bookstore.cli.demo.journey import Journey
from bookstore.cli.demo.outside import Socket

GOOD, DECLINED, ASKS_BACK = "4242424242424242", "4000000000000002", "4000002500003155"


def pay(journey: Journey, order: dict[str, Any], *cards: str) -> None:
    """Pay an order with these cards one after the other, until one is good.

    Raises:
        click.ClickException: a card behaves otherwise than Stripe says, or nobody is told.
    """
    path = f"/api/v2/orders/{order['id']}/payment-intent"
    intent = journey.call("POST", path).json()
    live = Socket(f"{journey.url}/ws/orders/{order['id']}/", journey.headers)
    try:
        for card in cards:
            _try(journey, intent["client_secret"], card)
        live.wait_for(lambda m: m.get("update", m.get("order", {})).get("payment_status") == "paid")
    finally:
        live.close()
    click.secho("⇐ live: Stripe's signed event has arrived, the order is paid", fg="magenta")


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
        # What the buyer does in a browser: the bank's page opens, and they agree.
        page = outcome["next_action"]["url"].removeprefix(journey.url)
        journey.call("GET", page)
        journey.submit(page, {"outcome": "complete"})


def refund_half(journey: Journey, order: dict[str, Any]) -> dict[str, Any]:
    """Give half of an order's money back (as staff), and return the order once it is there."""
    currency = order["currency"]
    unit = money.unit(currency)
    minor = money.to_minor(order["total_amount"], currency) // 2 // unit * unit
    half = money.to_text(minor, currency)
    body = {"amount": half, "reason": "One book arrived damaged"}
    journey.call("POST", f"/api/v2/orders/{order['id']}/refunds", body)
    live = Socket(f"{journey.url}/ws/orders/{order['id']}/", journey.headers)
    try:
        live.wait_for(
            lambda m: (
                m.get("update", m.get("order", {})).get("payment_status") == "partially_refunded"
            )
        )
    finally:
        live.close()
    return dict(journey.call("GET", f"/api/v2/orders/{order['id']}").json())
