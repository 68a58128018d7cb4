"""The page of errors, from the tree of errors itself."""

from http import HTTPStatus
from itertools import groupby

from bookstore.blueprints.docs import explanations


def markdown() -> str:
    """Return a section for each status, and in it one for each code: why, and what to do."""
    found = sorted(explanations().values(), key=lambda one: (one["status"], one["code"]))
    lines = []
    for status, codes in groupby(found, key=lambda one: int(one["status"])):
        lines += [f"## {status} {HTTPStatus(status).phrase}", ""]
        for one in codes:
            lines += [f"### {one['code']}", "", _plain(one["detail"]), ""]
            lines += [f"*What to do:* {_plain(one['remedy'])}", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Return a docstring's words as Markdown: its double backquotes are single ones there."""
    return str(text).replace("``", "`")
