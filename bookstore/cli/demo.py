"""``flask demo``: a customer's whole journey against a running server, step by step."""

import secrets
from typing import Any
from urllib.parse import quote

import click
import orjson
import requests
from flask.cli import with_appcontext

from bookstore.cli.refusals import shown
from bookstore.extensions import settings
from bookstore.services import accounts

TIMEOUT = 10
WIDTH = 900  # characters of an answer that are printed


class Journey:
    """Calls the API as a customer would and prints each call with its answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.headers: dict[str, str] = {}

    def step(self, title: str) -> None:
        """Print what happens next."""
        click.secho(f"\n{title}", bold=True)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Send one request, print it and its answer, and stop the demo if it was refused."""
        sent = {**self.headers, **headers}
        click.secho(f"→ {method} {path}", fg="cyan")
        if body is not None:
            shown = {k: "…" if k in {"password", "refresh"} else v for k, v in body.items()}
            click.echo(f"  {orjson.dumps(shown).decode()}")
        try:
            answer = self.http.request(
                method, f"{self.url}{path}", json=body, headers=sent, timeout=TIMEOUT
            )
        except requests.ConnectionError:
            raise click.ClickException(
                f"nobody answers at {self.url}: start the shop with `make run` first"
            ) from None
        except requests.Timeout:
            raise click.ClickException(f"no answer from {self.url} in {TIMEOUT} s") from None
        click.secho(f"← {answer.status_code}", fg="green" if answer.ok else "red")
        self._print(answer)
        if not answer.ok:
            raise click.ClickException(f"{method} {path} was refused with {answer.status_code}")
        return answer

    def _print(self, answer: requests.Response) -> None:
        if not answer.headers.get("Content-Type", "").startswith("application/"):
            return
        body = answer.json()
        if "access" in body:
            body = {**body, "access": "…", "refresh": "…"}
        text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
        if len(text) > WIDTH:
            text = text[:WIDTH].rpartition("\n")[0] + "\n  …"
        for line in text.splitlines():
            click.echo(f"  {line}")

    def log_in(self, username: str, password: str) -> dict[str, str]:
        """Log in and return the header that says who it is."""
        body = {"username": username, "password": password}
        tokens = self.call("POST", "/api/v2/auth/token", body, **self.headers).json()
        return {"Authorization": f"Bearer {tokens['access']}"}


@click.command("demo")
@click.option("--url", help="Where the shop runs (unset: HOST and PORT of the settings).")
@click.option("--query", default="hobit tolkien", help="What the reader looks for, typo and all.")
@with_appcontext
def demo(url: str | None, query: str) -> None:
    """Walk a reader from registration to a receipt against the running shop."""
    here = settings()
    journey = Journey((url or f"http://{here.host}:{here.port}").rstrip("/"))
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

    journey.step("4. Wish for another book, then move it into the cart")
    others = journey.call("GET", "/api/v2/books?in_stock=true&sort=-rating&limit=5").json()["data"]
    other = next(item for item in others if item["id"] != book["id"])
    wish = {"book_id": other["id"], "notes": "For the holidays"}
    journey.call("POST", "/api/v2/wishlist/items", wish)
    journey.call("POST", f"/api/v2/wishlist/items/{other['id']}/move-to-cart")

    journey.step("5. Ask what it costs, and order at that price")
    price = journey.call("POST", "/api/v2/cart/quote", {}).json()
    order_form = {
        "shipping_address": {
            "name": "Demo Reader",
            "line1": "1 High Street",
            "city": "York",
            "postal_code": "YO1 7HH",
            "country": "GB",
        },
        "expected_total": price["total"],
    }
    key = secrets.token_hex(8)
    order = journey.call("POST", "/api/v2/orders", order_form, **{"Idempotency-Key": key}).json()

    journey.step("6. The connection breaks, the client asks again: the same order, not a second")
    again = journey.call("POST", "/api/v2/orders", order_form, **{"Idempotency-Key": key})
    click.echo(f"  Idempotency-Replayed: {again.headers.get('Idempotency-Replayed')}")

    journey.step("7. Staff sends it (with an account made for this demo)")
    _as_clerk(journey, order["id"])

    journey.step("8. The reader sees where it is, and the receipt")
    journey.call("GET", f"/api/v2/orders/{order['id']}/events")
    done = journey.call("GET", f"/api/v2/orders/{order['id']}").json()
    journey.call("GET", f"/api/v2/orders/{order['id']}/invoice")
    _receipt(done)
    click.echo(f"\nEvery call is explained at {journey.url}/api/v2/docs")


def _as_clerk(journey: Journey, order_id: int) -> None:
    name, password = f"clerk-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    with shown():  # by the database: this needs the shop's own settings, not only its address
        accounts.register(name, f"{name}@bookstore.example", password, is_staff=True)
    reader, journey.headers = journey.headers, {}
    journey.headers = journey.log_in(name, password)
    try:
        for move in (
            {"status": "processing", "note": "Picked from the shelf"},
            {"status": "shipped", "tracking_number": "DEMO-0001"},
        ):
            journey.call("POST", f"/api/v2/orders/{order_id}/status", move)
    finally:
        journey.call("DELETE", "/api/v2/me")
        journey.headers = reader


def _receipt(order: dict[str, Any]) -> None:
    click.echo(f"\n  Receipt for order {order['number']} ({order['status']})")
    for item in order["items"]:
        title = item["title"] if len(item["title"]) <= 44 else item["title"][:43] + "…"
        click.echo(f"  {item['quantity']:>3} x {title:44} {item['line_total']:>9}")
    for label in ("subtotal", "discount", "shipping", "tax", "total_amount"):
        click.echo(f"  {label.replace('_', ' '):>50} {order[label]:>9}")
