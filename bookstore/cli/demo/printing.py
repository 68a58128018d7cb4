"""How the demo shows what goes out and what comes back: all that matters, and not a page more."""

import json
from typing import Any

import click

WIDTH = 92  # what fits is on one line
DEEP = 1  # below this level of an answer, each thing has one line
LINES, FEW = 20, 5  # of one answer; what is only a few lines longer is not cut
WORDS = 64  # characters of one text
SECRET = {
    "access", "cartToken", "clientSecret", "client_secret", "password", "refresh", "secret",
    "ticket", "token",
}  # fmt: skip


def request(method: str, path: str, note: str = "") -> None:
    """Print what is asked, and a remark on it."""
    click.secho(f"→ {method} {path}", fg="cyan", nl=not note)
    if note:
        click.secho(f"   ({note})", dim=True)


def body(sent: Any) -> None:
    """Print what is sent: GraphQL as one writes it, all else as JSON."""
    if isinstance(sent, dict) and isinstance(sent.get("query"), str):
        for line in sent["query"].strip().splitlines():
            click.echo(f"  {line}")
        sent = sent.get("variables")
    if sent:
        click.echo(f"  {_flat(_told(sent))}")


def status(code: int, *, fine: bool) -> None:
    """Print how it was answered."""
    click.secho(f"← {code}", fg="green" if fine else "red")


def show(value: Any) -> None:
    """Print JSON, indented where it does not fit on a line, and cut to what one can take in."""
    lines = _lines(_told(value), "", "", 0)
    shown = lines if len(lines) <= LINES + FEW else lines[:LINES]
    for line in shown:
        click.echo(f"  {line}")
    if len(lines) > len(shown):
        click.secho(f"  … {len(lines) - len(shown)} lines more", dim=True)


def came(what: str) -> None:
    """Print what came by itself."""
    click.secho(f"⇐ {what}", fg="magenta")


def _flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(value: Any, before: str, after: str, level: int) -> list[str]:
    flat = f"{before}{_flat(value)}{after}"
    fits = WIDTH - 2 * level
    if not isinstance(value, dict | list) or len(flat) <= fits:
        return [flat]
    if level > DEEP and len(value) > 1:
        return [f"{flat[: fits - 1 - len(after)]}…{after}"]
    named = isinstance(value, dict)
    members = _named(value) if isinstance(value, dict) else [("", member) for member in value]
    found = [f"{before}{'{' if named else '['}"]
    for number, (name, member) in enumerate(members, 1):
        comma = "," if number < len(members) else ""
        # What only wraps something else is no level for whoever reads.
        found += [f"  {line}" for line in _lines(member, name, comma, level + (len(members) > 1))]
    return [*found, f"{'}' if named else ']'}{after}"]


def _named(value: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(f"{_flat(name)}: ", member) for name, member in value.items()]


def _told(value: Any, name: str = "") -> Any:
    """Return a value without what is nobody's business, and long texts shortened."""
    if name in SECRET and isinstance(value, str):
        return "…"
    if isinstance(value, dict):
        return {key: _told(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_told(member) for member in value]
    if isinstance(value, str) and len(value) > WORDS:
        return value[: WORDS - 1] + "…"
    return value
