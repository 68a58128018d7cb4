"""``flask demo``: a customer's whole journey against a running server, step by step."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from flask.cli import with_appcontext

from bookstore.cli.demo import paying
from bookstore.cli.demo.journey import Journey, show
from bookstore.cli.demo.outside import Receiver, Socket, find_line, find_mail, wait_for
from bookstore.cli.refusals import shown
from bookstore.extensions import settings
from bookstore.services import accounts, doctor


@click.command("demo")
@click.option("--url", help="Where the shop runs (unset: HOST and PORT of the settings).")
@click.option("--query", default="hobit tolkien", help="What the reader looks for, typo and all.")
@with_appcontext
def demo(url: str | None, query: str) -> None:
    """Walk a reader from registration to a receipt against the running shop."""
    here = settings()
    journey = Journey((url or f"http://{here.host}:{here.port}").rstrip("/"))
    with ExitStack() as stack:
        _walk(journey, stack, query, here.bookstore_home)


def _walk(journey: Journey, stack: ExitStack, query: str, home: Path) -> None:
    name = f"demo-{secrets.token_hex(4)}"
    password = secrets.token_urlsafe(16)

    journey.step("1. Look around as a guest: search forgives a typo")
    found = journey.call("GET", f"/api/v2/books?q={quote(query)}&limit=3&in_stock=true")
    books = found.json()["data"]
    if not books:
        raise click.ClickException(f"nothing in stock was found for {query!r}; try --query")
    book = books[0]
    journey.call("GET", f"/api/v2/books/{book['id']}")

    journey.step("2. Put it into a guest's cart")
    line = {"book_id": book["id"], "quantity": 2}
    guest = journey.call("POST", "/api/v2/cart/items", line)
    journey.headers = {"X-Cart-Token": guest.headers["X-Cart-Token"]}

    journey.step("3. Register and log in; the guest's cart comes along")
    account = {"username": name, "email": f"{name}@bookstore.example", "password": password}
    journey.call("POST", "/api/v2/auth/register", account)
    journey.headers = journey.log_in(name, password)
    journey.call("GET", "/api/v2/cart")
    phone = {"token": f"demo-{secrets.token_hex(16)}", "platform": "android"}
    device = journey.call("POST", "/api/v2/me/devices", phone).json()["id"]
    inbox = Socket(f"{journey.url}/ws/notifications/", journey.headers)
    stack.callback(inbox.close)

    journey.step("   Meanwhile staff (an account made for this demo) has a webhook for orders")
    clerk = stack.enter_context(_clerk(journey))
    receiver = stack.enter_context(Receiver())
    hook = {"url": receiver.url, "events": ["order.*"], "description": "flask demo"}
    with _acting(journey, clerk):
        endpoint = journey.call("POST", "/api/v2/webhooks/endpoints", hook).json()
    stack.callback(_remove, journey, clerk, endpoint["id"])

    journey.step("4. Wish for another book, then move it into the cart")
    others = journey.call("GET", "/api/v2/books?in_stock=true&sort=-rating&limit=5").json()["data"]
    other = next(item for item in others if item["id"] != book["id"])
    wish = {"book_id": other["id"], "notes": "For the holidays"}
    journey.call("POST", "/api/v2/wishlist/items", wish)
    journey.call("POST", f"/api/v2/wishlist/items/{other['id']}/move-to-cart")

    journey.step("5. Ask what it costs, and order at that price")
    order_form = _form(journey)
    key = secrets.token_hex(8)
    order = journey.call("POST", "/api/v2/orders", order_form, **{"Idempotency-Key": key}).json()

    journey.step("6. The connection breaks, the client asks again: the same order, not a second")
    again = journey.call("POST", "/api/v2/orders", order_form, **{"Idempotency-Key": key})
    click.echo(f"  Idempotency-Replayed: {again.headers.get('Idempotency-Replayed')}")

    live = Socket(f"{journey.url}/ws/orders/{order['id']}/", journey.headers)
    stack.callback(live.close)

    journey.step("7. Pay: a card that is declined, then a good one")
    _require_test_cards()
    paying.pay(journey, order, paying.DECLINED, paying.GOOD)

    journey.step("8. Another order, paid with a card whose bank asks back (3-D Secure)")
    journey.call("POST", "/api/v2/cart/items", {"book_id": other["id"], "quantity": 2})
    second = journey.call("POST", "/api/v2/orders", _form(journey)).json()
    paying.pay(journey, second, paying.ASKS_BACK)

    journey.step("9. Staff sends the first, and gives half of the second's money back")
    with _acting(journey, clerk):
        move = {"status": "shipped", "tracking_number": "DEMO-0001"}
        journey.call("POST", f"/api/v2/orders/{order['id']}/status", move)
        paying.refund_half(journey, second)

    journey.step("10. What everybody was told of the first, without asking")
    _show_what_came(journey, order, endpoint["secret"], receiver, live, inbox)
    _show_what_was_sent(order, device, home)

    journey.step("11. The reader sees where it is, and the receipt")
    journey.call("GET", f"/api/v2/orders/{order['id']}/events")
    done = journey.call("GET", f"/api/v2/orders/{order['id']}").json()
    journey.call("GET", f"/api/v2/orders/{order['id']}/invoice")
    _receipt(done)

    journey.step("12. Do stock, orders, payments and what Stripe holds agree? (flask doctor)")
    _examine()
    click.echo(f"\nFollow it in a browser: {journey.url}/track/{order['number']}")
    click.echo(f"as {name} with the password {password}")
    click.echo(f"Every call is explained at {journey.url}/api/v2/docs")


def _form(journey: Journey) -> dict[str, Any]:
    """Ask what the cart costs, and return what to order it with, at that price."""
    address = {
        "name": "Demo Reader",
        "line1": "1 High Street",
        "city": "York",
        "postal_code": "YO1 7HH",
        "country": "GB",
    }
    asked = {"shipping_method": "standard", "shipping_address": address}
    price = journey.call("POST", "/api/v2/cart/quote", asked).json()
    return {**asked, "expected_total": price["total"]}


def _require_test_cards() -> None:
    if not settings().takes_test_cards:
        raise click.ClickException("this shop takes real cards: the demo ends here, unpaid")


def _examine() -> None:
    with shown():
        found = list(doctor.examine(days=1))
        looked_at = ", ".join(f"{count} {what}" for what, count in doctor.count().items())
    for line in found:
        click.echo(f"  {line}")
    if found:
        raise click.ClickException(f"{len(found)} disagreements in {looked_at}")
    click.echo(f"  Nothing found: {looked_at}.")


@contextmanager
def _clerk(journey: Journey) -> Iterator[dict[str, str]]:
    """Yield the credentials of staff made for this demo; the account is gone afterwards."""
    name, password = f"clerk-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    with shown():  # by the database: this needs the shop's own settings, not only its address
        accounts.register(name, f"{name}@bookstore.example", password, is_staff=True)
    with _acting(journey, {}):
        clerk = journey.log_in(name, password)
    try:
        yield clerk
    finally:
        with _acting(journey, clerk):
            journey.call("DELETE", "/api/v2/me")


@contextmanager
def _acting(journey: Journey, who: dict[str, str]) -> Iterator[None]:
    reader, journey.headers = journey.headers, who
    try:
        yield
    finally:
        journey.headers = reader


def _remove(journey: Journey, clerk: dict[str, str], endpoint_id: int) -> None:
    with _acting(journey, clerk):
        journey.call("DELETE", f"/api/v2/webhooks/endpoints/{endpoint_id}")


def _show_what_came(
    journey: Journey,
    order: dict[str, Any],
    secret: str,
    receiver: Receiver,
    live: Socket,
    inbox: Socket,
) -> None:
    for event_type in ("order.created", "order.paid", "order.processing", "order.shipped"):
        envelope = receiver.wait_for(event_type, secret)
        click.secho(f"⇐ webhook {event_type}: both signatures verified", fg="magenta")
        if event_type == "order.shipped":
            show(envelope)
    live.wait_for(lambda message: message.get("update", {}).get("status") == "shipped")
    for message in live.messages:
        click.secho(f"⇐ live {message['type']}", fg="magenta")
        show(message)
    number = order["number"]
    inbox.wait_for(lambda m: "on its way" in m.get("notification", {}).get("title", ""))
    for message in inbox.messages:
        if message["type"] == "notification":
            click.secho(f"⇐ notification: {message['notification']['title']}", fg="magenta")
    unread = journey.call("GET", "/api/v2/me/notifications?limit=5").json()
    if not any(number in told["title"] for told in unread["data"]):
        raise click.ClickException("the inbox does not have the newest notification")


def _show_what_was_sent(order: dict[str, Any], device: int, home: Path) -> None:
    if settings().sendgrid_api_key is None:
        for subject in (
            f"Your order {order['number']}",
            f"Your order {order['number']} is on its way",
        ):
            mail = wait_for(partial(find_mail, home / "mail", subject), f"mail: {subject}")
            click.secho(f"⇐ mail {mail}", fg="magenta")
    if settings().fcm_project_id is None:
        for what in ("received", "is being packed", "is on its way"):
            text = f"device={device} Order {order['number']} {what}"
            line = wait_for(partial(find_line, home / "logs" / "push.log", text), "push message")
            click.secho(f"⇐ push {line}", fg="magenta")


def _receipt(order: dict[str, Any]) -> None:
    click.echo(f"\n  Receipt for order {order['number']} ({order['status']})")
    for item in order["items"]:
        title = item["title"] if len(item["title"]) <= 44 else item["title"][:43] + "…"
        click.echo(f"  {item['quantity']:>3} x {title:44} {item['line_total']:>9}")
    for label in ("subtotal", "discount", "shipping", "tax", "total_amount"):
        click.echo(f"  {label.replace('_', ' '):>50} {order[label]:>9}")
