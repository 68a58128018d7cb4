"""The two databases differ in where their upsert lives; nothing else of that is known here."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def upsert(session: Session, target: Any) -> Any:
    """Return an INSERT into ``target`` that has ``on_conflict_do_…`` on this database."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(target)
    return sqlite.insert(target)
