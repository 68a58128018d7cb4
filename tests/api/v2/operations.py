"""Every operation of API v2, from its own document, and a shop in which each can be called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask

from tests.clients import ADDRESS, Client, ok
from tests.factories import PASSWORD, log_in, make_book, make_category, make_user

# An address of the open internet, since names would be looked up. Nothing is sent to it.
ENDPOINT = {"url": "https://9.9.9.9/hooks", "events": ["order.*"]}

# What an operation needs at least. No login: a wrong password, a token that is none.
REQUIRED: dict[str, dict[str, Any]] = {
    "POST /auth/register": {
        "username": "newcomer",
        "email": "new@example.com",
        "password": PASSWORD,
    },
    "POST /auth/token": {"username": "nobody", "password": "none"},
    "POST /auth/token/refresh": {"refresh": "junk"},
    "POST /auth/logout": {"refresh": "junk"},
    "POST /auth/password-reset": {"email": "nobody@example.com"},
    "POST /auth/password-reset/confirm": {"token": "junk", "password": PASSWORD},
    "POST /me/api-keys": {"name": "warehouse", "scopes": ["orders:read"]},
    "POST /auth/verify-email": {"token": "junk"},
    "POST /me/totp/confirm": {"code": "000000"},
    "DELETE /me/totp": {"password": "none", "code": "000000"},
    "POST /me/devices": {"token": "a-token", "platform": "web"},
    "PATCH /me/preferences": {"preferences": {}},
    "POST /books": {"title": "New", "author_id": 1, "price": "10.00"},
    "POST /books/{book_id}/reviews": {"rating": 5},
    "POST /authors": {"last_name": "New"},
    "POST /categories": {"name": "New"},
    "POST /publishers": {"name": "New"},
    "POST /cart/items": {"book_id": 1},
    "PATCH /cart/items/{book_id}": {"quantity": 1},
    "POST /books/{book_id}/cover": {"content_type": "image/png", "size": 1000},
    "POST /books/{book_id}/cover/complete": {"key": f"incoming/1/{'a' * 24}"},
    "POST /catalog/imports": {"url": "https://9.9.9.9/books.csv"},
    "POST /catalog/price-updates": {"url": "https://9.9.9.9/prices.csv"},
    "PUT /cart/coupon": {"code": "TEN"},
    "POST /wishlist/items": {"book_id": 2},
    "PATCH /wishlist/items/{book_id}": {"notes": ""},
    "POST /orders": {"shipping_address": ADDRESS},
    "POST /orders/{order_id}/status": {"status": "processing"},
    "POST /coupons": {"code": "NEW", "kind": "percent", "value": "5"},
    "POST /shipping-methods": {"code": "new", "name": "New", "price": "1.00"},
    "POST /tax-rates": {"country": "AQ", "percent": "1"},
    "POST /payments/test/confirm": {
        "client_secret": "pi_0_secret_0",
        "card_number": "4242424242424242",
    },
    "POST /webhooks/endpoints": ENDPOINT,
    "POST /webhooks/endpoints/{endpoint_id}/replay": {"since": "2026-01-02T03:04:05Z"},
}


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str  # a template, without the prefix
    spec: dict[str, Any]
    document: dict[str, Any]

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.method} {self.path}"

    @property
    def has_ids(self) -> bool:
        """Whether ids stand in its path."""
        return "{" in self.path

    @property
    def needed(self) -> dict[str, Any]:
        """A body that is valid."""
        return dict(REQUIRED.get(self.name, {}))

    @property
    def body(self) -> dict[str, Any] | None:
        """The schema of its JSON body, None when it takes none."""
        if "requestBody" not in self.spec:
            return None
        return self.resolved(self.spec["requestBody"]["content"]["application/json"]["schema"])

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow a $ref."""
        if "$ref" not in schema:
            return schema
        return dict(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])

    def url(self, number: object = 1) -> str:
        """Return its path with every id set."""
        # Sessions are known by a UUID; this one is nobody's.
        parts = self.path.replace("{session_id}", f"{0:08}-0000-4000-8000-{0:012}").split("/")
        return "/".join(str(number) if part.startswith("{") else part for part in parts)

    def call(self, client: Client, body: Any = None, query: str = "", **headers: str) -> Any:
        """Call it as it wants to be called."""
        return client.call(self.method, self.url() + query, body, If_Match="*", **headers)


def operations(app: Flask) -> Iterator[Operation]:
    """Yield every documented operation of v2."""
    document = app.extensions["openapi"]["v2"]
    for path, members in document["paths"].items():
        for method, spec in members.items():
            if method != "parameters":
                yield Operation(method.upper(), path.removeprefix("/api/v2"), spec, document)


def everything(app: Flask) -> Client:
    """Fill the shop so that each id 1 exists; return a client of staff that owns it all."""
    with app.app_context():
        shelf = make_category("Fiction")
        clerk = log_in(app, make_user("clerk", is_staff=True))
    ok(clerk.post("/publishers", {"name": "Ace"}), 201)
    with app.app_context():
        for _ in range(2):
            make_book(publisher_id=1, category_ids=[shelf.id])
    ok(clerk.post("/cart/items", {"book_id": 1}), 201)
    ok(clerk.post("/orders", {"shipping_address": ADDRESS}), 201)
    ok(clerk.post("/cart/items", {"book_id": 1}), 201)
    ok(clerk.post("/coupons", {"code": "TEN", "kind": "percent", "value": "10"}), 201)
    ok(clerk.post("/wishlist/items", {"book_id": 1}), 201)
    ok(clerk.post("/books/1/reviews", {"rating": 5}), 201)
    ok(clerk.post("/me/api-keys", {"name": "till", "scopes": ["orders:read"]}), 201)
    ok(clerk.post("/me/devices", {"token": "clerk-token", "platform": "ios"}), 201)
    ok(clerk.post("/webhooks/endpoints", ENDPOINT), 201)
    ok(clerk.post("/webhooks/endpoints/1/test"), 201)
    ok(clerk.post("/reports/books/1"), 202)
    prices = ("POST", "/catalog/price-updates", "id,price\n1,5\n")
    ok(clerk.call(*prices, Content_Type="text/csv"), 202)
    return clerk
