"""What views add to their operation in the OpenAPI document."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any


def document(view: Callable[..., Any], **operation: Any) -> None:
    """Add members to the view's OpenAPI operation."""
    apidoc = deepcopy(getattr(view, "_apidoc", {}))
    manual = apidoc.setdefault("manual_doc", {})
    for name, value in operation.items():
        if isinstance(value, list) and name == "parameters":
            manual[name] = [*manual.get(name, []), *value]
        else:
            manual[name] = value
    view._apidoc = apidoc  # type: ignore[attr-defined]
