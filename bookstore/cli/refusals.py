"""How the command line says no."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from bookstore import errors


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
