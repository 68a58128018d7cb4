"""Fields of forms, in which everything is text."""

from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields

from bookstore.schemas.common import MAX_ID, Instant


class Moment(Instant):
    """An instant as ``<input type="datetime-local">`` sends it, in UTC; or as the API takes it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        text = str(value)
        # With or without seconds; what else there may be is checked as ever.
        if len(text) == len("2026-01-31T12:00"):
            text += ":00"
        if len(text) == len("2026-01-31T12:00:00"):
            text += "Z"
        return super()._deserialize(text, attr, data, **kwargs)


def moment_text(at: datetime | None) -> str:
    """Return an instant as ``<input type="datetime-local" step="1">`` takes it, in UTC."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Ids(fields.String):
    """Ids, with commas or spaces between: a list of whole numbers."""

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        words = super()._deserialize(value, attr, data, **kwargs).replace(",", " ").split()
        if len(words) > self.most:
            raise ma.ValidationError(f"At most {self.most}.")
        for word in words:
            good = word.isascii() and word.isdecimal() and len(word) < 20
            if not good or not 1 <= int(word) <= MAX_ID:
                raise ma.ValidationError(f"Not an id: {word[:20]}")
        return [int(word) for word in words]
