"""Stripe's way of asking and of refusing."""

import re
from typing import Any
from urllib.parse import parse_qsl


class Refused(Exception):
    """An answer that is no success; ``fields`` go into its ``error`` object."""

    def __init__(
        self, status: int, message: str, *, type: str = "invalid_request_error", **fields: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fields = {"type": type, "message": message, **fields}

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        code = self.fields.get("code")
        doc = {"doc_url": f"https://stripe.com/docs/error-codes/{code}"} if code else {}
        return {"error": {**doc, **self.fields}}


def missing_resource(kind: str, id: str, *, param: str = "id", status: int = 404) -> Refused:
    """Return the refusal of an id that does not exist: 404 in a path, 400 in a parameter."""
    message = f"No such {kind}: '{id}'"
    return Refused(status, message, code="resource_missing", param=param)


def decode(form: str) -> dict[str, Any]:
    """Turn a form body or a query into nested dicts; lists become dicts by position."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True, errors="strict"):
        if not re.fullmatch(r"[^\[\]]+(\[[^\[\]]*\])*", name):
            raise Refused(400, f"Invalid parameter name: {name}", param=name)
        *parents, last = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        place = found
        for parent in parents:
            place = place.setdefault(parent or str(len(place)), {})
            if not isinstance(place, dict):
                raise Refused(400, f"Invalid parameter: {name} is given as two kinds", param=name)
        place[last or str(len(place))] = value
    return found
