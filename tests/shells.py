"""A shell as an administrator opens it, and closes it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from bookstore import shell
from bookstore.extensions import db
from bookstore.unit_of_work import witnessed


@contextmanager
def opened(app: Flask) -> Iterator[dict[str, Any]]:
    """Yield a shell's names. A shell's process ends with it, and with that all it has set; ours
    goes on with the next test."""
    with app.app_context(), witnessed(None):
        names = app.make_shell_context()
        try:
            yield names
        finally:
            db.session.remove()
            if event.contains(db.engine, "begin", shell._take_your_time):
                event.remove(db.engine, "begin", shell._take_your_time)
