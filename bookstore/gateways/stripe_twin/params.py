"""What a request asks for: form fields with brackets, as nested dictionaries."""

import re
from typing import Any
from urllib.parse import parse_qsl

from bookstore.gateways.stripe_twin.refusals import Refusal
from bookstore.gateways.stripe_twin.store import Json

_NAME = re.compile(r"[^\[\]]+")
METADATA_KEYS, METADATA_KEY, METADATA_VALUE = 50, 40, 500


def decode(text: str) -> Json:
    """Turn ``a=1&b[c]=2`` into ``{"a": "1", "b": {"c": "2"}}``."""
    found: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *parents, last = _NAME.findall(name) or [name]
        node = found
        for parent in parents:
            inner = node.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise _invalid(name, "both a value and a hash")
            node = inner
        node[last] = value
    return found


def only(params: Json, *known: str) -> None:
    """Refuse what Stripe does not know or this stand-in does not do; a typo must not pass."""
    for name in params:
        if name not in known:
            message = f"Received unknown parameter: {name}"
            raise Refusal(400, code="parameter_unknown", message=message, param=name)


def span(params: Json, name: str) -> tuple[int, int]:
    """Return a time given by its ends (gt, gte, lt, lte) as its first and last second."""
    ends = inner(params, name)
    only(ends, "gte", "lt", "gt", "lte")
    low = max(whole(ends, "gte") or 0, (whole(ends, "gt") or -1) + 1)
    lt, lte = whole(ends, "lt"), whole(ends, "lte")
    return low, min(10**12 if lt is None else lt - 1, 10**12 if lte is None else lte)


def text(params: Json, name: str, *, required: bool = False) -> str | None:
    """Return a text; None when it is not there."""
    value = params.get(name)
    if value is None or value == "":
        if required:
            message = f"Missing required param: {name}."
            raise Refusal(400, code="parameter_missing", message=message, param=name)
        return None
    if not isinstance(value, str):
        raise _invalid(name, "not a string")
    return value


def whole(
    params: Json, name: str, low: int = 0, high: int = 10**15, *, required: bool = False
) -> int | None:
    """Return a whole number between two bounds; None when it is not there."""
    value = text(params, name, required=required)
    if value is None:
        return None
    if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        raise Refusal(
            400, code="parameter_invalid_integer", message=f"Invalid integer: {value}", param=name
        )
    if not low <= int(value) <= high:
        message = f"Invalid integer: must be from {low} to {high}"
        raise Refusal(400, code="parameter_invalid_integer", message=message, param=name)
    return int(value)


def flag(params: Json, name: str) -> bool:
    """Return a truth; False when it is not there."""
    value = text(params, name) or "false"
    if value not in {"true", "false"}:
        raise _invalid(name, "must be true or false")
    return value == "true"


def inner(params: Json, name: str) -> Json:
    """Return a dictionary; an empty one when it is not there."""
    value: Any = params.get(name) or {}
    if not isinstance(value, dict):
        raise _invalid(name, "not a hash")
    return value


def metadata(params: Json) -> dict[str, str]:
    """Return the caller's own notes, within the bounds that Stripe sets."""
    found = inner(params, "metadata")
    if len(found) > METADATA_KEYS:
        raise _invalid("metadata", f"more than {METADATA_KEYS} keys")
    for key, value in found.items():
        if not isinstance(value, str) or len(key) > METADATA_KEY or len(value) > METADATA_VALUE:
            raise _invalid(f"metadata[{key}]", "too long, or not a string")
    return dict(found)


def _invalid(name: str, why: str) -> Refusal:
    return Refusal(400, message=f"Invalid {name}: {why}", param=name)
