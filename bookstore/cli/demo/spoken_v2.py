"""The walk in API v2, which has a call for each of its steps."""

from typing import Any
from urllib.parse import quote as quoted

import click

from bookstore.cli.demo.journey import Journey

ADDRESS = {
    "name": "Demo Reader",
    "line1": "1 High Street",
    "city": "York",
    "postal_code": "YO1 7HH",
    "country": "GB",
}


class SpokenV2:
    """What a client of API v2 says at each step.

    Other APIs are spoken by subclasses, which say otherwise what their API has a call for. What it
    has none for, their clients do by v2 as well; ``Journey`` marks these calls. Orders are returned
    as v2 has them, whatever is spoken.
    """

    name = "API v2"
    explained_at = "/api/v2/docs"

    def __init__(self, journey: Journey) -> None:
        self.journey = journey

    # -- looking around ----------------------------------------------------------------------
    def search(self, words: str) -> list[dict[str, Any]]:
        """Return books that can be bought, each with ``id`` and ``title``, the best match first."""
        return self._books(f"q={quoted(words)}&limit=3")

    def best_rated(self) -> list[dict[str, Any]]:
        """Return some that can be bought."""
        return self._books("sort=-rating&limit=4&fields=id,title,price,average_rating")

    def look_at(self, book_id: int) -> None:
        """Read all about one book."""
        self.journey.call("GET", f"/api/v2/books/{book_id}")

    # -- who one is --------------------------------------------------------------------------
    def register(self, name: str, password: str) -> None:
        """Make an account."""
        account = {"username": name, "email": f"{name}@bookstore.example", "password": password}
        self.journey.call("POST", "/api/v2/auth/register", account)

    def log_in(self, name: str, password: str) -> dict[str, str]:
        """Return the header that says who it is."""
        return self._log_in("/api/v2/auth/token", name, password)

    # -- cart and wishlist -------------------------------------------------------------------
    def start_as_guest(self, book_id: int) -> str:
        """Put a book into a guest's cart; return that cart's token."""
        line = {"book_id": book_id, "quantity": 1}
        return self.journey.call("POST", "/api/v2/cart/items", line).headers["X-Cart-Token"]

    def add_to_cart(self, book_id: int) -> None:
        """Put a book into one's own."""
        self.journey.call("POST", "/api/v2/cart/items", {"book_id": book_id, "quantity": 1})

    def see_cart(self) -> int:
        """Return how many copies are in it."""
        return int(self.journey.call("GET", "/api/v2/cart").json()["total_items"])

    def wish(self, book_id: int, notes: str) -> None:
        """Keep a book in mind."""
        self.journey.call("POST", "/api/v2/wishlist/items", {"book_id": book_id, "notes": notes})

    def move_to_cart(self, book_id: int) -> None:
        """Decide to have it."""
        self.journey.call("POST", f"/api/v2/wishlist/items/{book_id}/move-to-cart")

    # -- ordering and paying -----------------------------------------------------------------
    def quote(self) -> str:
        """Return the total of what is in the cart."""
        asked = {"shipping_method": "standard", "shipping_address": ADDRESS}
        return str(self.journey.call("POST", "/api/v2/cart/quote", asked).json()["total"])

    def order(self, total: str, key: str) -> dict[str, Any]:
        """Order what is in the cart, if it costs ``total``."""
        return self._order(total, key).json()  # type: ignore[no-any-return]

    def order_again(self, total: str, key: str) -> dict[str, Any]:
        """Say the same once more, since no answer has come; return the order there is."""
        again = self._order(total, key)
        click.echo(f"  Idempotency-Replayed: {again.headers.get('Idempotency-Replayed')}")
        return again.json()  # type: ignore[no-any-return]

    def open_payment(self, order_id: int) -> str:
        """Return the client secret by which a browser pays the order."""
        path = f"/api/v2/orders/{order_id}/payment-intent"
        return str(self.journey.call("POST", path).json()["client_secret"])

    def see_order(self, order_id: int) -> dict[str, Any]:
        """Return the order as it stands."""
        return self.journey.call("GET", f"/api/v2/orders/{order_id}").json()  # type: ignore[no-any-return]

    # -- staff -------------------------------------------------------------------------------
    def ship(self, order_id: int, tracking_number: str) -> None:
        """Send it."""
        move = {"status": "shipped", "tracking_number": tracking_number}
        self.journey.call("POST", f"/api/v2/orders/{order_id}/status", move)

    def _books(self, query: str) -> list[dict[str, Any]]:
        page = self.journey.call("GET", f"/api/v2/books?{query}&in_stock=true").json()
        return list(page["data"])

    def _log_in(self, path: str, name: str, password: str) -> dict[str, str]:
        tokens = self.journey.call("POST", path, {"username": name, "password": password}).json()
        return {"Authorization": f"Bearer {tokens['access']}"}

    def _order(self, total: str, key: str) -> Any:
        form = {
            "shipping_method": "standard",
            "shipping_address": ADDRESS,
            "expected_total": total,
        }
        return self.journey.call("POST", "/api/v2/orders", form, headers={"Idempotency-Key": key})
