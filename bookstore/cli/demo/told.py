"""What the shop tells everybody by itself."""

from functools import partial
from typing import Any

import click

from bookstore.cli.demo import printing
from bookstore.cli.demo.journey import Journey
from bookstore.cli.demo.outside import Receiver, Socket, find_line, find_mail, wait_for
from bookstore.config import Settings


def by_webhook(receiver: Receiver, secret: str) -> None:
    """Show the signed deliveries."""
    for event_type in ("order.created", "order.paid", "order.processing", "order.shipped"):
        envelope = receiver.wait_for(event_type, secret)
        printing.came(f"webhook {event_type}: both signatures verified")
        if event_type == "order.shipped":
            printing.show(envelope)


def live(order: Socket, inbox: Socket) -> None:
    """Show what came over the sockets."""
    order.wait_for(lambda message: message.get("update", {}).get("status") == "shipped")
    for message in order.messages:
        state = message.get("update") or message["order"]
        told = ", ".join(
            f"{name} {state[name]}" for name in ("version", "status", "payment_status")
        )
        printing.came(f"live {message['type']}: {told}")
    inbox.wait_for(lambda m: "on its way" in m.get("notification", {}).get("title", ""))
    for message in inbox.messages:
        if message["type"] == "notification":
            printing.came(f"notification: {message['notification']['title']}")


def in_the_inbox(journey: Journey, order: dict[str, Any]) -> None:
    """Show that the same can be read later.

    Raises:
        click.ClickException: nothing of the order is there.
    """
    unread = journey.call("GET", "/api/v2/me/notifications?limit=5").json()
    if not any(order["number"] in told["title"] for told in unread["data"]):
        raise click.ClickException("the inbox does not have the newest notification")


def by_mail_and_push(order: dict[str, Any], device: int, here: Settings) -> None:
    """Show what was sent, where it stays in this shop."""
    number, home = order["number"], here.bookstore_home
    if here.sendgrid_api_key is None:
        for subject in (f"Your order {number}", f"Your order {number} is on its way"):
            mail = wait_for(partial(find_mail, home / "mail", subject), f"mail: {subject}")
            printing.came(f"mail {mail}")
    if here.fcm_project_id is None:
        for what in ("received", "is being packed", "is on its way"):
            text = f"device={device} Order {number} {what}"
            line = wait_for(partial(find_line, home / "logs" / "push.log", text), "push message")
            printing.came(f"push {line}")
