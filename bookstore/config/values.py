"""Settings as text: how one is read from the environment, and how it is shown."""

from collections.abc import Callable
from dataclasses import MISSING, Field, field
from pathlib import Path
from typing import Any, get_args

_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class BadSetting(ValueError):
    """A setting is missing or wrong; the message is one line that names it."""


def setting(
    default: Any, help_text: str, *, check: Callable[[Any], str | None], secret: bool = False
) -> Any:
    """Return the field of a setting.

    Args:
        default: its value when the environment has none.
        help_text: what it means, for ``flask settings``.
        check: returns what is wrong with a value, None when nothing is.
        secret: whether its value is never shown.
    """
    metadata = {"help": help_text, "secret": secret, "check": check}
    return field(default=default, metadata=metadata)


def parse(item: "Field[Any]", raw: str) -> Any:
    """Return what a setting's text stands for.

    Raises:
        BadSetting: nothing of the setting's type.
    """
    name = item.name.upper()
    kind = get_args(item.type)[0] if get_args(item.type) else item.type  # X of X | None
    if kind is int:
        try:
            return int(raw)
        except ValueError:
            raise BadSetting(f"{name}: must be a whole number, not {raw!r}") from None
    if kind is bool:
        if raw.lower() in _TRUE | _FALSE:
            return raw.lower() in _TRUE
        raise BadSetting(f"{name}: must be true or false, not {raw!r}")
    if kind is Path:
        return Path(raw)
    if item.name == "bookstore_env" and raw not in {"development", "testing", "production"}:
        raise BadSetting(f"{name}: must be development, testing or production, not {raw!r}")
    return raw.lower() if item.name == "currency" else raw


def show(value: Any) -> str:
    """Return a setting's value for people."""
    if value is None or value is MISSING:
        return "(unset)"
    return str(value).lower() if isinstance(value, bool) else str(value)
