"""docs/guide-in-the-shell.md, typed into the shell line by line."""

import contextlib
import io
import re
from code import InteractiveConsole
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
from flask import Flask
from sqlalchemy import text

from bookstore import create_app, shell
from bookstore.extensions import db
from tests.conftest import Apps
from tests.shells import opened

GUIDE = Path(__file__).parents[2] / "docs" / "guide-in-the-shell.md"
# A text block that directly follows a python block is what the shell prints.
BLOCKS = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)


class Block(NamedTuple):
    """Some lines to type, where they stand in the guide, and what must come of them."""

    line: int
    code: str
    output: str | None


class Console(InteractiveConsole):
    """What ``flask shell`` is, except that an error ends the test."""

    def showtraceback(self) -> NoReturn:
        raise

    def showsyntaxerror(self, filename: str | None = None, **_: object) -> NoReturn:
        raise

    def type(self, code: str) -> str:
        """Type lines and an empty one; return what they print."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for line in [*code.splitlines(), ""]:
                self.push(line)
        return printed.getvalue()


def blocks() -> list[Block]:
    text = GUIDE.read_text()
    return [
        Block(text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in BLOCKS.finditer(text)
    ]


@pytest.mark.usefixtures("app")
def test_every_line_of_the_guide_does_what_it_says() -> None:
    console = Console(shell.context())
    for block in blocks():
        try:
            printed = console.type(block.code)
        except Exception as error:
            raise AssertionError(f"{GUIDE.name}:{block.line}: {error!r}") from error
        if block.output is not None:
            assert printed == block.output, f"{GUIDE.name}:{block.line}"


def test_every_output_in_the_guide_is_compared() -> None:
    text = GUIDE.read_text()
    assert len([b for b in blocks() if b.output is not None]) == text.count("\n```text\n")
    assert len(blocks()) == text.count("\n```python\n")


def test_the_shell_opens_with_its_names(shop: Flask) -> None:
    with opened(shop) as names:
        pass
    assert {"db", "Book", "User", "orders", "SYSTEM", "errors", "unit_of_work"} <= set(names)
    listed = repr(names["help"]).partition("services  ")[2].partition("db  ")[0].split()
    assert set(listed) <= set(names)


def test_the_shell_lets_people_think(apps: Apps) -> None:
    settings = apps.get("postgresql").config["SETTINGS"]
    with opened(create_app(settings)):
        limit = db.session.execute(text("SHOW idle_in_transaction_session_timeout")).scalar()
        db.session.rollback()
        db.engine.dispose()
    assert limit == "1h"
