"""A GraphQL client of the shop."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.clients import ADDRESS, Client, ok
from tests.factories import reader_and_clerk

ADD = """
mutation($book: Int!, $copies: Int! = 1) {
  addToCart(bookId: $book, quantity: $copies) { cart { totalItems subtotal } cartToken } }
"""
PLACE = """
mutation($address: ShippingAddressInput!, $total: Money) {
  placeOrder(shippingAddress: $address, expectedTotal: $total) {
    order { id number status totalAmount currency items { title quantity price lineTotal
            book { title } } shippingAddress { name country } } } }
"""
# As GraphQL spells it.
CAMEL = {"postalCode" if name == "postal_code" else name: v for name, v in ADDRESS.items()}


class Graph:
    """Sends operations as one client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def send(self, query: str | None = None, /, **body: Any) -> TestResponse:
        """Send an operation; ``headers`` are the request's."""
        headers = body.pop("headers", {})
        if query is not None:
            body["query"] = query
        return self.client.post("/graphql/", body, **headers)

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of an operation in which nothing goes wrong."""
        answer = ok(self.send(query, variables=variables))
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def refused(self, query: str, code: str, **variables: Any) -> dict[str, Any]:
        """Return the one error of an operation, after asserting its code."""
        answer = ok(self.send(query, variables=variables))
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == code, error
        return dict(error)


@pytest.fixture
def guest(shop: Flask) -> Graph:
    return Graph(Client(shop))


@pytest.fixture
def people(shop: Flask) -> tuple[Graph, Graph]:
    reader, clerk = reader_and_clerk(shop)
    return Graph(reader), Graph(clerk)


@pytest.fixture
def reader(people: tuple[Graph, Graph]) -> Graph:
    return people[0]


@pytest.fixture
def clerk(people: tuple[Graph, Graph]) -> Graph:
    return people[1]
