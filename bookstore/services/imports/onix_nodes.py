"""Looking into a record of ONIX, and the codes that stand in several places of it."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any


def text_of(element: Any, path: str) -> str:
    """Return the text at a path, its spaces made single; "" if there is none."""
    found = element.findtext(path)
    return " ".join(found.split()) if found else ""


def first_of(detail: Any, many: str, by: str, codes: Iterable[str], wanted: str) -> str:
    """Return a text of the first of many composites that has one of the codes."""
    for one in detail.iterfind(many):
        if text_of(one, by) in codes:
            return text_of(one, wanted)
    return ""


def coded(table: dict[str, set[str]], code: str) -> str:
    """Return the name under which a table has a code; "" if it has not."""
    return next((name for name, codes in table.items() if code in codes), "")


def day_of(one: Any) -> date | None:
    """Return the day of a composite with a ``Date``; of a month or a year, the first."""
    found = one.find("Date")
    text = "" if found is None else (found.text or "").strip()
    form = text_of(one, "DateFormat") or ("" if found is None else found.get("dateformat", ""))
    lengths = {"00": 8, "01": 6, "05": 4, "13": 8, "14": 8}
    digits = text[: lengths.get(form, 0)] if form else text
    if not re.fullmatch(r"\d{4}|\d{6}|\d{8}", digits, re.ASCII):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6] or 1), int(digits[6:8] or 1))
    except ValueError:
        return None
