"""What the shapes of the document lack: which members are always there, one name an enumeration.

Nobody reads these but generators of clients: without them every member of an answer may be missing,
and every shape has a type of its own for one and the same list of words.
"""

from collections.abc import Iterator
from typing import Any

from bookstore.schemas.common import SOMETIMES

# An enumeration's name → a shape and the member that has it. Wherever else the same words stand,
# they are the same enumeration.
_ENUMS = {
    "BookStatus": ("Book", "status"),
    "StockState": ("Book", "stock_state"),
    "OrderStatus": ("Order", "status"),
    "PaymentStatus": ("Order", "payment_status"),
    "RefundStatus": ("Refund", "status"),
    "ConfirmedStatus": ("Confirmed", "status"),
    "CouponKind": ("Coupon", "kind"),
    "ShippingKind": ("ShippingMethod", "kind"),
    "Platform": ("Device", "platform"),
    "DisabledReason": ("Endpoint", "disabled_reason"),
    "Circuit": ("Endpoint", "circuit"),
    "DeliveryStatus": ("Delivery", "status"),
    "JobStatus": ("Job", "status"),
    "PriceUpdateStatus": ("PriceUpdate", "status"),
    "PriceOutcome": ("PriceUpdateRow", "outcome"),
    "ImportFormat": ("CatalogImportInput", "format"),
}
# A name → a shape and the member, null or an object of any kind, that has it: without a name of its
# own, a generator makes one up.
_OBJECTS = {"JobResult": ("Job", "result")}
# Shapes that have only what was asked for.
_PARTS = {"BookPart"}


def complete(document: dict[str, Any]) -> None:
    """Add to the shapes of a document, and to what refers to them, what they lack."""
    shapes = document["components"]["schemas"]
    asked = set(_asked(document))
    for name, shape in shapes.items():
        _promise(shape, answered=name not in asked | _PARTS)
    names = {_words(shapes[shape]["properties"][of]): name for name, (shape, of) in _ENUMS.items()}
    for node in list(_nodes([document["paths"], shapes])):
        if "enum" in node and _words(node) in names:
            _refer(node, names[_words(node)])
    for words, name in names.items():
        shapes[name] = {"type": "string", "enum": list(words)}
    for name, (shape, of) in _OBJECTS.items():
        member = shapes[shape]["properties"][of]
        del member["type"]
        extra = member.pop("additionalProperties")
        shapes[name] = {"type": "object", "additionalProperties": extra}
        member["anyOf"] = [{"$ref": f"#/components/schemas/{name}"}, {"type": "null"}]
    translate(document)


def translate(document: dict[str, Any]) -> None:
    """Put what is in Python's and marshmallow's words into those of OpenAPI.

    Patterns are ECMAScript's: there ``\\Z`` is the letter, and a match may begin anywhere.
    """
    shapes = document["components"]["schemas"]
    for node in _nodes(document["paths"]):
        if body := node.get("requestBody"):
            # No body at all counts as an empty object.
            content = body["content"].get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            body["required"] = bool(not name or shapes[name].get("required"))
    for node in _nodes(document):
        if isinstance(pattern := node.get("pattern"), str):
            node["pattern"] = "^" + pattern.removeprefix("^").replace(r"\Z", "$")
        if node.get("format") == "url":
            node["format"] = "uri"  # marshmallow's word, and the standard's


def _promise(shape: dict[str, Any], *, answered: bool) -> None:
    """Say which members an answer of this shape has in any case."""
    members = shape["properties"].items()
    always = [name for name, member in members if not member.pop(*SOMETIMES, False)]
    if answered:
        shape["required"] = always


def _asked(document: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the shapes that stand in bodies of requests, however deep."""
    shapes = document["components"]["schemas"]
    bodies = [node["requestBody"] for node in _nodes(document["paths"]) if "requestBody" in node]
    found: set[str] = set()
    ahead: list[Any] = bodies
    while ahead:
        for node in _nodes(ahead.pop()):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                ahead.append(shapes[name])
    yield from found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a tree of JSON."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(child, dict | list):
            yield from _nodes(child)


def _words(node: dict[str, Any]) -> tuple[str, ...]:
    return tuple(word for word in node["enum"] if word is not None)


def _refer(node: dict[str, Any], name: str) -> None:
    """Put a reference in place of an enumeration; what else is said of the member stays."""
    reference = {"$ref": f"#/components/schemas/{name}"}
    if None in node.pop("enum"):
        node["anyOf"] = [reference, {"type": "null"}]
    else:
        node |= reference
    del node["type"]
