"""The walk in API v1, as clients of a Django REST Framework bookstore speak."""

from typing import Any
from urllib.parse import quote as quoted

import click

from bookstore.cli.demo.spoken_v2 import ADDRESS, SpokenV2

AS_TEXT = "{name}\n{line1}\n{city} {postal_code}\n{country}".format(**ADDRESS)


class SpokenV1(SpokenV2):
    """What a client of API v1 says."""

    name = "API v1"
    explained_at = "/api/v1/docs"

    def search(self, words: str) -> list[dict[str, Any]]:
        """Return books that can be bought, each with ``id`` and ``title``, the best match first."""
        return self._available(f"search={quoted(words)}&page_size=3")

    def best_rated(self) -> list[dict[str, Any]]:
        """Return some that can be bought."""
        return self._available("ordering=-average_rating&page_size=4")

    def look_at(self, book_id: int) -> None:
        """Read all about one book, and what it says of v2."""
        answer = self.journey.call("GET", f"/api/v1/books/{book_id}/")
        for name in ("Deprecation", "Sunset", "Link"):
            click.echo(f"  {name}: {answer.headers.get(name)}")

    def log_in(self, name: str, password: str) -> dict[str, str]:
        """Return the header that says who it is."""
        return self._log_in("/api/token/", name, password)

    def add_to_cart(self, book_id: int) -> None:
        """Put a book into one's own."""
        line = {"book_id": book_id, "quantity": 1}
        self.journey.call("POST", "/api/v1/cart/add_item/", line)

    def see_cart(self) -> int:
        """Return how many copies are in it."""
        return int(self.journey.call("GET", "/api/v1/cart/").json()["total_items"])

    def wish(self, book_id: int, notes: str) -> None:
        """Keep a book in mind."""
        item = {"book_id": book_id, "notes": notes}
        self.journey.call("POST", "/api/v1/wishlist/add_item/", item)

    def move_to_cart(self, book_id: int) -> None:
        """Decide to have it: two calls here."""
        self.add_to_cart(book_id)
        self.journey.call("DELETE", "/api/v1/wishlist/remove_item/", {"book_id": book_id})

    def order(self, total: str, key: str) -> dict[str, Any]:
        """Order what is in the cart; v1 holds the shop to no total, so see that it is ``total``."""
        made = self._order(total, key).json()
        if made["total_amount"] != total:
            raise click.ClickException(f"{total} was quoted, {made['total_amount']} is asked for")
        return _as_v2(made)

    def order_again(self, total: str, key: str) -> dict[str, Any]:
        """Say the same once more: the cart is empty by now; the order is among one's orders."""
        click.echo("  v1 knows no Idempotency-Key. The cart is empty by now, so nothing is ordered")
        click.echo("  twice, and the client finds its order in the list.")
        self._order(total, key, refused=400)
        newest = self.journey.call("GET", "/api/v1/orders/?page_size=1").json()["results"]
        return _as_v2(newest[0])

    def open_payment(self, order_id: int) -> str:
        """Return the client secret by which a browser pays the order."""
        path, body = "/api/v1/payments/create_payment_intent/", {"order_id": order_id}
        return str(self.journey.call("POST", path, body).json()["client_secret"])

    def see_order(self, order_id: int) -> dict[str, Any]:
        """Return the order as it stands."""
        return _as_v2(self.journey.call("GET", f"/api/v1/orders/{order_id}/").json())

    def _available(self, query: str) -> list[dict[str, Any]]:
        page = self.journey.call("GET", f"/api/v1/books/available/?{query}").json()
        return list(page["results"])

    def _order(self, total: str, key: str, refused: int | None = None) -> Any:
        path, form = "/api/v1/orders/create_from_cart/", {"shipping_address": AS_TEXT}
        return self.journey.call("POST", path, form, refused=refused)


def _as_v2(order: dict[str, Any]) -> dict[str, Any]:
    items = [
        {"title": item["book"]["title"], "line_total": item["subtotal"], **item}
        for item in order["items"]
    ]
    return {**order, "items": items}
