"""What was asked of a job and what came of it, as rows of a table: names and values for people."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import url_for

from bookstore.schemas.console.price_updates import OUTCOMES

# Where the word of the data would not do.
_NAMES = {
    "act": "what to do",
    "dry_run": "only a report",
    "format": "format of the file",
    "key": "file",
    "price_update_id": "price update",
    "book_id": "book",
    "set_stock": "also set the stock",
    "url": "address of the file",
}
_VALUES = {
    ("act", "read"): "read the file",
    ("act", "apply"): "change the prices",
    ("act", "undo"): "put the old prices back",
    ("format", None): "as a look at it says",
}
_SHOWN = 100


class Row(NamedTuple):
    """A name, and the lines of its value; the first may lead to a page."""

    name: str
    lines: list[str]
    url: str | None = None


def of_parameters(job: dict[str, Any]) -> list[Row]:
    """Return the rows of what was asked for; ``job`` is ``job_views.view``'s."""
    asked = dict(job["parameters"])
    if asked.get("key") is not None:
        asked["key"] = "sent along"  # what the store calls it says nothing to anybody
    # A file is either sent or fetched.
    one_of = {"key", "url"}
    shown = {name: one for name, one in asked.items() if one is not None or name not in one_of}
    return list(_rows(job, shown))


def of_result(job: dict[str, Any]) -> list[Row]:
    """Return the rows of what came of it."""
    return list(_rows(job, job["result"] or {}))


# -- inside ------------------------------------------------------------------------------------
def _rows(job: dict[str, Any], values: dict[str, Any], before: str = "") -> Iterator[Row]:
    for name, value in values.items():
        words = before + (_NAMES.get(name) or name.replace("_", " "))
        if isinstance(value, dict):
            # "Counts: created" says no more than "Created".
            yield from _rows(job, value, before if name == "counts" else f"{words}: ")
            continue
        if isinstance(value, list):
            words = f"{words}, one by one" if name == "refused" else words
            lines = [_text(name, one) for one in value[:_SHOWN]]
            lines += [f"… {len(value):,} in all"] if len(value) > _SHOWN else []
        else:
            lines = [_text(name, value)]
        yield Row(words[:1].upper() + words[1:], lines or ["none"], _url(job, name, value))


def _text(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = ((key, _text(key, one)) for key, one in value.items())
        return ", ".join(f"{key.replace('_', ' ')} {text}" for key, text in inner)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name != "id" and not name.endswith("_id"):
        return f"{value:,}"
    if value is None or isinstance(value, str):
        return _VALUES.get((name, value)) or ("–" if value is None else value)
    return str(value)


def _url(job: dict[str, Any], name: str, value: Any) -> str | None:
    """Return the page, or the file, that has more of a value."""
    update_id = job["parameters"].get("price_update_id")
    if name == "price_update_id":
        return url_for("console.price_updates.update", update_id=value)
    if name == "book_id":
        return url_for("console.stock.book", book_id=value)
    if update_id is not None and name in OUTCOMES and value:
        return url_for("console.price_updates.update", update_id=update_id, outcome=name)
    file = f"{name}.csv"
    if isinstance(value, int) and value and any(one["name"] == file for one in job["files"]):
        return url_for("console.jobs.file", job_id=job["id"], name=file)
    return None
