"""Commands are acts of whoever runs the shop: those that write are noted in the audit log."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from bookstore.services import audit
from bookstore.services.actors import SYSTEM

# The shop's own machinery, and a customer made for show.
NOT_STAFF = frozenset({"demo", "doctor", "maintenance", "openapi", "ready", "settings", "worker"})
# Besides ``audit.VALUES``: what things are called that have no number.
_KEEP = audit.VALUES | {"code", "endpoint", "order", "premium", "staff"}


def note(command: click.Command, path: tuple[str, ...] = ()) -> None:
    """Have a command noted whenever it writes, or each of a group's."""
    path = (*path, command.name or "")
    if path[0] in NOT_STAFF:
        return
    if isinstance(command, click.Group):
        for child in command.commands.values():
            note(child, path)
    elif command.callback is not None and not hasattr(command.callback, "noted"):
        command.callback = _noted(command.callback, ".".join(("cli", *path)))


def _noted(run: Callable[..., Any], action: str) -> Callable[..., Any]:
    @wraps(run)
    def noted(*args: Any, **kwargs: Any) -> Any:
        given = {k: v for k, v in kwargs.items() if v not in (None, (), "", False)}
        with audit.acting(SYSTEM, action, detail=lambda: audit.fields(given, _KEEP)):
            return run(*args, **kwargs)

    noted.noted = True  # type: ignore[attr-defined]
    return noted
