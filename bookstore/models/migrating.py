"""What Alembic must not compare; shared by migrations/env.py and the test of the migrations."""

from typing import Any

from bookstore.models.types import UTCDateTime

# What full-text search needs and no model describes; made by hand in the migrations.
HAND_MADE_PREFIXES = ("book_search_fts", "search_terms_fts", "ix_hand_")
HAND_MADE_COLUMNS = {("book_search", "vector")}


def include_object(obj: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Leave out what was made by hand."""
    if kind == "column" and (obj.table.name, name) in HAND_MADE_COLUMNS:
        return False
    return not (kind in {"table", "index"} and str(name).startswith(HAND_MADE_PREFIXES))


def compare_type(_context: Any, _column: Any, _inspected: Any, _type: Any, model_type: Any) -> Any:
    """Accept what SQLite stores for an instant: it has no such type of its own."""
    return False if isinstance(model_type, UTCDateTime) else None
