"""What becomes of a page's Markdown before Sphinx reads it: links that lead out, parts that are
made from the code."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from documentation import commands, errors, settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

# Files at the top of the project that are pages of the site as well, under another name.
ADOPTED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "README.md": "index.md",
}
# What stands in for `<!-- name -->` on a line of its own.
MADE: dict[str, Callable[[], str]] = {
    "errors": errors.markdown,
    "settings": settings.markdown,
    "commands": commands.markdown,
}

_MARK = re.compile(r"^<!-- (?:(\w+)|the text of (\S+)) -->$", re.M)
_FENCED = re.compile(r"(^```.*?^```$)", re.M | re.S)
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def markdown(page: str, text: str | None = None) -> str:
    """Return the Markdown of a page (its name below ``docs/``, with ``.md``) as the site has it.

    Links to other pages become links between pages, and those to files of the project that are no
    pages become plain text: the site does not have the files. ``text`` is what the file says, if
    that is known already.
    """
    text = (DOCS / page).read_text() if text is None else text
    mark = _MARK.search(text)
    if mark and mark[2]:
        return _relinked((ROOT / mark[2]).read_text(), mark[2], page)
    return _MARK.sub(lambda found: MADE[found[1]](), _relinked(text, f"docs/{page}", page))


def _relinked(text: str, source: str, page: str) -> str:
    """Return ``text`` of the file ``source`` with links as ``page`` needs them."""

    def link(found: re.Match[str]) -> str:
        label, target = found.groups()
        name, _, anchor = target.partition("#")
        if not name or re.match(r"[a-z]+:", name):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), name))
        path = f"docs/{ADOPTED[path]}" if path in ADOPTED else path
        if path == "docs/decisions":
            path += "/README.md"
        if not path.startswith("docs/"):
            return label
        there = posixpath.relpath(path, posixpath.dirname(f"docs/{page}"))
        return f"[{label}]({there}{'#' + anchor if anchor else ''})"

    parts = _FENCED.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def source_read(app: Sphinx, name: str, source: list[str]) -> None:
    """Give Sphinx the page as ``markdown`` has it."""
    source[0] = markdown(f"{name}.md", source[0])


def name_sections(app: Sphinx, tree: nodes.document) -> None:
    """Call each section in the page's HTML what links call it; Sphinx would use another name."""
    for section in tree.findall(nodes.section):
        slug = section.get("slug")
        if slug and slug not in section["ids"]:
            section["ids"].insert(0, slug)
