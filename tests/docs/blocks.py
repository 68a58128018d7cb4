"""The code blocks of the documents: in which language, what follows them, and who runs them."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# Those of the project, and none that a tool has left behind.
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^(?:<!-- not run: (.+?) -->\n)?```([\w{}]*)\n(.*?)^```$", re.M | re.S)
PROGRAMS = ("bash", "python", "javascript")
OUTPUTS = ("text", "json")


class Block(NamedTuple):
    """One code block; ``output`` is what it is said to print, ``why_not`` why nobody runs it."""

    document: str
    line: int
    language: str
    code: str
    output: str | None
    why_not: str | None

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.document}:{self.line} ({self.language})"


def blocks(document: Path) -> list[Block]:
    """Return the blocks of a document, in order.

    A text or JSON block right behind programs is what each of them prints. Programs right behind
    each other, no language twice, are one thing in several languages and share it.
    """
    text = document.read_text()
    found = list(_FENCE.finditer(text))
    joined = [text[a.end() : b.start()].strip() == "" for a, b in pairwise(found)]
    made = []
    for index, one in enumerate(found):
        made.append(
            Block(
                str(document.relative_to(ROOT)),
                text.count("\n", 0, one.start(2)) + 1,
                one[2],
                one[3],
                _output(found[index:], joined[index:]) if one[2] in PROGRAMS else None,
                one[1],
            )
        )
    return made


def _output(found: list[re.Match[str]], joined: list[bool]) -> str | None:
    languages = []
    for one, is_joined in zip(found, [True, *joined], strict=False):
        if not is_joined or one[2] in languages:
            return None
        if one[2] in OUTPUTS:
            return one[3]
        if one[2] not in PROGRAMS:
            return None
        languages.append(one[2])
    return None


def every_block() -> Iterator[Block]:
    """Yield each block of each document."""
    for document in DOCUMENTS:
        yield from blocks(document)
