"""OpenAPI links: which answers hold what other operations want (OpenAPI 3.1, Link Object).

``POST /orders`` answers an id, and with it every operation below ``/orders/{order_id}`` can be
called: that much is seen in the document itself. What it does not tell stands in ``_TOLD``.
"""

from collections.abc import Iterator
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
_ID = "$response.body#/id"
# (method, path) → [(method, path, parameters, members of the body)].
_Told = list[tuple[str, str, dict[str, str], dict[str, str]]]
_REFRESH = {"refresh": "$response.body#/refresh"}
_TOLD: dict[tuple[str, str], _Told] = {
    ("post", "/auth/token"): [
        ("post", "/auth/token/refresh", {}, _REFRESH),
        ("post", "/auth/logout", {}, _REFRESH),
    ],
    ("post", "/cart/items"): [
        ("patch", "/cart/items/{book_id}", {"book_id": "$request.body#/book_id"}, {}),
        ("delete", "/cart/items/{book_id}", {"book_id": "$request.body#/book_id"}, {}),
        ("post", "/cart/quote", {}, {}),
        ("post", "/orders", {}, {}),
    ],
    ("post", "/wishlist/items"): [
        (method, f"/wishlist/items/{{book_id}}{rest}", {"book_id": "$request.body#/book_id"}, {})
        for method, rest in (("patch", ""), ("delete", ""), ("post", "/move-to-cart"))
    ],
    ("post", "/orders/{order_id}/payment-intent"): [
        (
            "post",
            "/payments/test/confirm",
            {},
            {
                "client_secret": "$response.body#/client_secret",  # nosec B105 - where it is
                "card_number": "4242424242424242",
            },
        )
    ],
    ("post", "/webhooks/endpoints/{endpoint_id}/test"): [
        ("get", "/webhooks/deliveries/{delivery_id}", {"delivery_id": _ID}, {}),
        ("post", "/webhooks/deliveries/{delivery_id}/redeliver", {"delivery_id": _ID}, {}),
    ],
    ("get", "/me/notifications"): [
        (
            "post",
            "/me/notifications/{notification_id}/read",
            {"notification_id": "$response.body#/data/0/id"},
            {},
        )
    ],
    ("post", "/ws/tickets"): [
        ("get", "/orders/{order_id}/stream", {"ticket": "$response.body#/ticket"}, {})
    ],
}


def add(document: dict[str, Any], prefix: str) -> None:
    """Add to each answer the links to what can be called with it.

    Args:
        document: finished but for its links; operations have their ids.
        prefix: before every path.
    """
    paths = document["paths"]
    for path, members in paths.items():
        for method in [one for one in _METHODS if one in members]:
            found = dict(_below(document, path, method))
            told = _TOLD.get((method, path.removeprefix(prefix)), [])
            for to_method, to_path, parameters, body in told:
                # A part of the shop has its own routes alone, but the whole document.
                operation = paths[f"{prefix}{to_path}"][to_method]
                link: dict[str, Any] = {"operationId": operation["operationId"]}
                if parameters:
                    link["parameters"] = parameters
                if body:
                    link["requestBody"] = body
                found[operation["operationId"]] = link
            good = next((s for s in ("200", "201") if s in members[method]["responses"]), None)
            if found and good:
                members[method]["responses"][good]["links"] = found


def _below(document: dict[str, Any], path: str, method: str) -> Iterator[tuple[str, Any]]:
    """Yield (name, link) of what takes the id that making something here answers."""
    made = document["paths"][path][method]["responses"].get("201")
    if method != "post" or made is None or not _has_id(document, made):
        return
    for other, members in document["paths"].items():
        rest = other.removeprefix(f"{path}/{{") if other.startswith(f"{path}/{{") else ""
        name, _, more = rest.partition("}")
        if not name or "{" in more:
            continue
        given = {
            found: f"$request.path.{found}"
            for found in (part[1:-1] for part in path.split("/") if part.startswith("{"))
        }
        for verb in [one for one in _METHODS if one in members]:
            operation = members[verb]["operationId"]
            yield operation, {"operationId": operation, "parameters": {**given, name: _ID}}


def _has_id(document: dict[str, Any], made: dict[str, Any]) -> bool:
    content = made.get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return "id" in document["components"]["schemas"].get(name, {}).get("properties", {})
