"""The walk in GraphQL."""

import re
from textwrap import dedent
from typing import Any

import click
import requests

from bookstore.cli.demo.spoken_v2 import ADDRESS, SpokenV2

WHOLE = """
            fragment Whole on Order {
              id number status totalAmount currency subtotal discount shipping tax
              trackingNumber
              items { title quantity lineTotal }
            }"""


class SpokenGraphQL(SpokenV2):
    """What a client of GraphQL says."""

    name = "GraphQL"
    explained_at = "/graphql/"

    def search(self, words: str) -> list[dict[str, Any]]:
        """Return books that can be bought, each with ``id`` and ``title``, the best match first."""
        query = """
            query Look($words: String) {
              books(first: 3, q: $words) {
                edges { node { id title price stockState author { fullName } } }
              }
            }"""
        return _in_stock(self._ask(query, words=words)["books"])

    def best_rated(self) -> list[dict[str, Any]]:
        """Return some that can be bought."""
        query = """
            { books(first: 20, sort: "-rating") { edges { node { id title stockState } } } }"""
        return _in_stock(self._ask(query)["books"])

    def look_at(self, book_id: int) -> None:
        """Read just what one wants to know of a book."""
        query = """
            query Book($id: Int!) {
              book(id: $id) {
                title isbn price currency averageRating
                author { fullName booksCount }
                categories { name }
                reviews(first: 2) { rating comment user { username } }
              }
            }"""
        self._ask(query, id=book_id)

    def start_as_guest(self, book_id: int) -> str:
        """Put a book into a guest's cart; return that cart's token."""
        return str(self._add(book_id)["cart_token"])

    def add_to_cart(self, book_id: int) -> None:
        """Put a book into one's own."""
        self._add(book_id)

    def see_cart(self) -> int:
        """Return how many copies are in it."""
        query = """
            { me { username } cart { totalItems subtotal items { quantity book { title } } } }"""
        return int(self._ask(query)["cart"]["total_items"])

    def wish(self, book_id: int, notes: str) -> None:
        """Keep a book in mind."""
        query = """
            mutation Wish($book: Int!, $notes: String!) {
              addToWishlist(bookId: $book, notes: $notes) {
                wishlist { items { notes book { title } } }
              }
            }"""
        self._ask(query, book=book_id, notes=notes)

    def move_to_cart(self, book_id: int) -> None:
        """Decide to have it."""
        query = """
            mutation Decide($book: Int!) {
              moveToCart(bookId: $book) { cart { totalItems subtotal } }
            }"""
        self._ask(query, book=book_id)

    def open_payment(self, order_id: int) -> str:
        """Return the client secret by which a browser pays the order."""
        query = """
            mutation Pay($order: Int!) {
              createPaymentIntent(orderId: $order) { clientSecret amount currency }
            }"""
        return str(self._ask(query, order=order_id)["create_payment_intent"]["client_secret"])

    def order(self, total: str, key: str) -> dict[str, Any]:
        """Order what is in the cart, if it costs ``total``."""
        return dict(_data(self._order(total, key))["place_order"]["order"])

    def order_again(self, total: str, key: str) -> dict[str, Any]:
        """Say the same once more, since no answer has come; return the order there is."""
        again = self._order(total, key)
        click.echo(f"  Idempotency-Replayed: {again.headers.get('Idempotency-Replayed')}")
        return dict(_data(again)["place_order"]["order"])

    def see_order(self, order_id: int) -> dict[str, Any]:
        """Return the order as it stands."""
        query = """
            query Order($id: Int!) { order(id: $id) { ...Whole } }"""
        return dict(self._ask(query + WHOLE, id=order_id)["order"])

    def ship(self, order_id: int, tracking_number: str) -> None:
        """Send it."""
        query = """
            mutation Ship($id: Int!, $number: String) {
              advanceOrder(id: $id, status: "shipped", trackingNumber: $number) {
                order { number status trackingNumber version }
              }
            }"""
        self._ask(query, id=order_id, number=tracking_number)

    def _add(self, book_id: int) -> dict[str, Any]:
        query = """
            mutation Add($book: Int!) {
              addToCart(bookId: $book, quantity: 1) { cart { totalItems subtotal } cartToken }
            }"""
        return dict(self._ask(query, book=book_id)["add_to_cart"])

    def _order(self, total: str, key: str) -> requests.Response:
        query = """
            mutation Buy($address: ShippingAddressInput!, $total: Money) {
              placeOrder(shippingAddress: $address, expectedTotal: $total) { order { ...Whole } }
            }"""
        address = {_camel(name): value for name, value in ADDRESS.items()}
        variables = {"address": address, "total": total}
        return self._post(query + WHOLE, variables, {"Idempotency-Key": key})

    def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        return _data(self._post(query, variables))

    def _post(
        self, query: str, variables: dict[str, Any], headers: dict[str, str] | None = None
    ) -> requests.Response:
        body = {"query": dedent(query).strip(), "variables": variables}
        return self.journey.call("POST", "/graphql/", body, headers=headers)


def _data(answer: requests.Response) -> dict[str, Any]:
    """Return what was asked for, its names as the REST APIs write them.

    Raises:
        click.ClickException: some of it was refused, which GraphQL answers with 200 as well.
    """
    body = answer.json()
    if "errors" in body:
        raise click.ClickException(f"GraphQL refused: {body['errors'][0]['message']}")
    data: dict[str, Any] = _snake(body["data"])
    return data


def _in_stock(books: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = [edge["node"] for edge in books["edges"]]
    return [book for book in nodes if book["stock_state"] != "out_of_stock"]


def _snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", k): _snake(v) for k, v in value.items()
        }
    return [_snake(member) for member in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(word.title() for word in more)
