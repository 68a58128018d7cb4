"""How the command line says no."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError

from bookstore import errors
from bookstore.services import health


@contextmanager
def shown() -> Iterator[None]:
    """Turn a refusal into one line on stderr and exit status 1."""
    try:
        yield
    except errors.Invalid as error:
        fields = error.extra["errors"]
        lines = [f"{field}: {' '.join(map(str, found))}" for field, found in fields.items()]
        raise click.ClickException("; ".join(lines)) from None
    except errors.BookstoreError as error:
        raise click.ClickException(error.detail) from None
    except DBAPIError:
        checks = health.look().checks()
        if checks["database"] != "ok":
            raise click.ClickException("the database does not answer; see DATABASE_URL") from None
        if checks["migrations"] != "ok":
            raise click.ClickException(
                "the database is not set up for this version: "
                "run `flask --app wsgi db upgrade` (or `make run`, which does it) first"
            ) from None
        raise
