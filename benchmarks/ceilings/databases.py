"""A thread's own connection, as bare as a driver has it."""

import sqlite3
import threading
from typing import Any

import psycopg

from bookstore.extensions import prepare_sqlite

_local = threading.local()


def connection(url: str) -> Any:
    """Return this thread's connection, open and in autocommit; SQLite's with the shop's pragmas."""
    found = getattr(_local, "connection", None)
    if found is None:
        found = _local.connection = opened(url)
    return found


def close() -> None:
    """Close this thread's connection; the next may be to another database."""
    if found := getattr(_local, "connection", None):
        found.close()
        _local.connection = None


def is_sqlite(url: str) -> bool:
    """Return whether a database's address is a file's."""
    return url.startswith("sqlite")


def opened(url: str) -> Any:
    """Return a new connection, in autocommit."""
    if not is_sqlite(url):
        address = url.replace("postgresql+psycopg://", "postgresql://")
        return psycopg.connect(address, autocommit=True, options="-c timezone=UTC")
    made = sqlite3.connect(url.partition("///")[2])
    prepare_sqlite(made)
    return made
