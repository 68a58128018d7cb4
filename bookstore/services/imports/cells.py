"""How values stand in the cells of a catalogue CSV."""

import re
from collections.abc import Iterable

# A spreadsheet would run a cell that begins so as a formula (OWASP: CSV injection; the wide ones
# are taken for the others in East Asia). One more apostrophe in front is added on the way out and
# taken on the way in, whatever number there was.
_STARTS = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(rf"'*{_STARTS}")
_QUOTED_FORMULA = re.compile(rf"'+{_STARTS}")
# That it is a number and nothing else is what a spreadsheet is to see.
_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]+)?")
_PART = re.compile(r"(?:\\.|[^;\\]|\\$)+", re.DOTALL)


def guard(text: str) -> str:
    """Return ``text`` with an apostrophe in front if a spreadsheet might run it.

    A negative number is left as it is.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NEGATIVE.fullmatch(text) else text


def unguard(text: str) -> str:
    """Undo ``guard``."""
    return text[1:] if _QUOTED_FORMULA.match(text) else text


def join(parts: Iterable[str]) -> str:
    """Return the parts as one cell: separated by ``;``, a semicolon inside written ``\\;``."""
    return ";".join(re.sub(r"([;\\])", r"\\\1", part) for part in parts)


def split(text: str) -> list[str]:
    """Undo ``join``; blank parts are left out, inner runs of spaces become one."""
    parts = (re.sub(r"\\([;\\])", r"\1", part) for part in _PART.findall(text))
    return [clean for part in parts if (clean := " ".join(part.split()))]
