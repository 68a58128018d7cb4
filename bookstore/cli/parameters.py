"""Kinds of arguments that several commands take."""

from datetime import UTC, datetime

import click


class Instant(click.ParamType[datetime]):
    """An instant as the API writes it (RFC 3339); a day or a time without a zone is in UTC."""

    name = "instant"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return it aware, in UTC."""
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("not an instant such as 2026-01-31T12:00:00Z", param, ctx)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


INSTANT = Instant()
