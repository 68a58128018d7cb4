"""API keys at GraphQL: each field of the roots asks for its scope, and most take no key."""

import pytest
from flask import Flask

from bookstore.graphql.schema import schema
from bookstore.services import accounts, api_keys
from bookstore.services.scopes import SCOPES
from tests.api.v2.operations import everything
from tests.clients import Client
from tests.graphql.conftest import CAMEL, Graph

ADDRESS = "{" + ", ".join(f'{name}: "{value}"' for name, value in CAMEL.items()) + "}"
# Each field of the roots → the scope that a key needs (None: no key may), and a way to ask.
FIELDS: dict[str, tuple[str | None, str]] = {
    "allBooks": ("catalog:read", "{ allBooks { id } }"),
    "book": ("catalog:read", "{ book(id: 1) { id } }"),
    "allAuthors": ("catalog:read", "{ allAuthors { id } }"),
    "author": ("catalog:read", "{ author(id: 1) { id } }"),
    "booksByAuthor": ("catalog:read", "{ booksByAuthor(authorId: 1) { id } }"),
    "books": ("catalog:read", "{ books { edges { node { id } } } }"),
    "me": (None, "{ me { id } }"),
    "cart": (None, "{ cart { totalItems } }"),
    "wishlist": (None, "{ wishlist { items { notes } } }"),
    "orders": ("orders:read", "{ orders { edges { node { id } } } }"),
    "order": ("orders:read", "{ order(id: 1) { id } }"),
    "createBook": (
        "catalog:write",
        'mutation { createBook(title: "B", authorId: 1, price: 1) { book { id } } }',
    ),
    "addToCart": (None, "mutation { addToCart(bookId: 1) { cart { totalItems } } }"),
    "setCartQuantity": (
        None,
        "mutation { setCartQuantity(bookId: 1, quantity: 1) { cart { totalItems } } }",
    ),
    "removeFromCart": (None, "mutation { removeFromCart(bookId: 1) { cart { totalItems } } }"),
    "clearCart": (None, "mutation { clearCart { cart { totalItems } } }"),
    "putCoupon": (None, 'mutation { putCoupon(code: "TEN") { cart { totalItems } } }'),
    "removeCoupons": (None, "mutation { removeCoupons { cart { totalItems } } }"),
    "addToWishlist": (
        None,
        "mutation { addToWishlist(bookId: 2) { wishlist { items { notes } } } }",
    ),
    "setWishlistNotes": (
        None,
        'mutation { setWishlistNotes(bookId: 1, notes: "") { wishlist { items { notes } } } }',
    ),
    "removeFromWishlist": (
        None,
        "mutation { removeFromWishlist(bookId: 1) { wishlist { items { notes } } } }",
    ),
    "moveToCart": (None, "mutation { moveToCart(bookId: 1) { cart { totalItems } } }"),
    "postReview": (None, "mutation { postReview(bookId: 2, rating: 5) { review { id } } }"),
    "updateReview": (None, "mutation { updateReview(id: 1, rating: 4) { review { id } } }"),
    "deleteReview": (None, "mutation { deleteReview(id: 1) { deletedId } }"),
    "placeOrder": (
        "orders:write",
        f"mutation {{ placeOrder(shippingAddress: {ADDRESS}) {{ order {{ id }} }} }}",
    ),
    "cancelOrder": ("orders:write", "mutation { cancelOrder(id: 1) { order { id } } }"),
    "advanceOrder": (
        "orders:write",
        'mutation { advanceOrder(id: 1, status: "processing") { order { id } } }',
    ),
    "createPaymentIntent": (
        None,
        "mutation { createPaymentIntent(orderId: 1) { clientSecret } }",
    ),
}
REFUSALS = {"insufficient_scope", "login_required", "unauthenticated", "forbidden"}
REFUSALS |= {"graphql_invalid", "graphql_syntax"}


def test_every_field_is_here() -> None:
    roots = (schema._schema.query_type, schema._schema.mutation_type)
    names = {name for root in roots if root is not None for name in root.fields}
    assert names == set(FIELDS), "a new field needs a line here; without a scope it takes no key"


@pytest.mark.parametrize("database", ["sqlite"])
def test_each_field_asks_for_its_scope(shop: Flask) -> None:
    everything(shop)

    def keyed(*scopes: str) -> Graph:
        with shop.app_context():
            made = api_keys.create(accounts.find("clerk"), "a key", list(scopes))
        return Graph(Client(shop, {"X-API-Key": made.key}))

    lacking = {one: keyed(*(scope for scope in SCOPES if scope != one)) for one in SCOPES}
    whole = keyed(*SCOPES)
    for name, (scope, query) in FIELDS.items():
        if scope is None:
            whole.refused(query, "login_required")
            continue
        error = lacking[scope].refused(query, "insufficient_scope")
        assert error["extensions"]["scope"] == scope
        found = whole.send(query).get_json().get("errors", [])
        assert not REFUSALS & {one["extensions"]["code"] for one in found}, (name, found)


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_bad_key_asks_nothing(shop: Flask) -> None:
    answer = Graph(Client(shop, {"X-API-Key": "junk"})).send("{ __typename }")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "api_key_invalid")
