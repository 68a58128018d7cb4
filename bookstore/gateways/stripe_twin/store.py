"""What the stand-in holds: one SQLite file of its own, shared by all processes of the shop.

A connection lives for one call, so it never crosses a thread or a fork.
"""

import contextlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookstore import clock
from bookstore.config import Settings

BUSY_SECONDS = 20.0
Json = dict[str, Any]

_TABLES = """
    CREATE TABLE customers (id TEXT PRIMARY KEY, created INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE TABLE intents (
        id TEXT PRIMARY KEY, created INTEGER NOT NULL, token TEXT UNIQUE, body TEXT NOT NULL
    );
    CREATE INDEX intents_created ON intents (created);
    CREATE TABLE charges (id TEXT PRIMARY KEY, intent TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE refunds (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE, intent TEXT NOT NULL, amount INTEGER NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX refunds_intent ON refunds (intent);
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, created REAL NOT NULL, payload TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due REAL,  -- NULL: delivered, or given up
        leased_until REAL NOT NULL DEFAULT 0,
        delivered REAL
    );
    CREATE INDEX events_due ON events (due) WHERE due IS NOT NULL;
    CREATE INDEX events_created ON events (created);
    CREATE TABLE keys (
        key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, created REAL NOT NULL,
        status INTEGER NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX keys_created ON keys (created);
"""


@dataclass(frozen=True, slots=True)
class Work:
    """One transaction: ``key`` is the request's idempotency key, ``now`` Unix time."""

    db: sqlite3.Connection
    now: float
    shop_url: str
    key: str | None = None


def path(settings: Settings) -> Path:
    """Return where the file is, whether or not it is there."""
    return settings.bookstore_home.absolute() / "stripe.sqlite3"


@contextmanager
def write(settings: Settings, key: str | None = None) -> Iterator[Work]:
    """Yield a transaction that holds the write lock; commit at the end, roll back on any error.

    Raises:
        sqlite3.Error: the file cannot be used, or others held the lock for too long.
    """
    with _connection(settings) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield Work(db, clock.now().timestamp(), settings.shop_url, key)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


@contextmanager
def read(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Yield a connection to read one thing with; errors as ``write``."""
    with _connection(settings) as db:
        yield db


def new_id(prefix: str) -> str:
    """Return an id that nobody can guess, as Stripe makes them."""
    return f"{prefix}_{secrets.token_hex(12)}"


def dumps(document: Json) -> str:
    """Return a document as text."""
    return json.dumps(document, separators=(",", ":"))


@contextmanager
def _connection(settings: Settings) -> Iterator[sqlite3.Connection]:
    file = path(settings)
    if not file.exists():
        _make(settings, file)
    # closing(): a connection's own ``with`` ends a transaction and leaves it open.
    with contextlib.closing(_open(file)) as db:
        yield db


def _open(file: Path) -> sqlite3.Connection:
    # No isolation level: transactions begin where we say so, and not late.
    db = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    db.row_factory = sqlite3.Row
    # Payments that are forgotten after a power cut would disagree with the shop's own rows.
    db.execute("PRAGMA synchronous = FULL")
    return db


def _make(settings: Settings, file: Path) -> None:
    """Made aside and linked into place: of two first calls one wins, whole and in WAL mode."""
    settings.make_home()
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        with contextlib.closing(_open(draft)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_TABLES)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
