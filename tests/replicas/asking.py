"""Who was asked what, and whether the replica has it yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from bookstore import replicas
from bookstore.extensions import db
from bookstore.replicas import Replicas
from tests.clients import wait_until


@contextmanager
def asked(shop: Flask) -> Iterator[dict[str, list[str]]]:
    """Collect the statements that run inside, by the server that is asked."""
    found: dict[str, list[str]] = {"primary": [], "replica": []}
    with shop.app_context():
        engines = {"primary": db.engine, "replica": db.engines["replica0"]}
    notes = {}
    for name, engine in engines.items():

        def note(_c: Any, _cursor: Any, statement: str, *_: Any, to: str = name) -> None:
            found[to].append(statement)

        event.listen(engine, "before_cursor_execute", note)
        notes[name] = note
    try:
        yield found
    finally:
        for name, engine in engines.items():
            event.remove(engine, "before_cursor_execute", notes[name])


def replicas_of(shop: Flask) -> Replicas:
    """Return what an app knows of its replicas."""
    with shop.app_context():
        found = replicas.current()
    assert found is not None
    return found


def caught_up(shop: Flask) -> None:
    """Return once the replica is known to have all that is committed now."""
    found = replicas_of(shop)
    now = found.horizon() + found.lag
    wait_until(lambda: found.choose(now) is not None)
