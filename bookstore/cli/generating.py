"""``flask catalog generate``."""

import sys
import time

import click
from flask.cli import with_appcontext

from bookstore.cli import refusals
from bookstore.extensions import settings
from bookstore.services import generating

_SOME = click.IntRange(0, 100_000_000)


@click.command("generate")
@click.option(
    "--books", required=True, type=click.IntRange(1, generating.MAX_BOOKS), help="How many."
)
@click.option("--reviews", type=_SOME, help="How many [default: five a book].")
@click.option("--orders", type=_SOME, help="How many [default: one a book].")
@click.option(
    "--users", type=click.IntRange(1, 100_000_000), help="How many [default: one for five books]."
)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    type=click.IntRange(0, 1_000_000),
    help="Another number makes another shop.",
)
@with_appcontext
def generate_command(
    books: int, reviews: int | None, orders: int | None, users: int | None, seed: int
) -> None:
    """Fill an empty shop with made-up books, readers, reviews and orders; never in production.

    The same seed gives the same shop. Stopped half-way, it leaves nothing behind. A million
    books with all that belongs to them take some 5 GB and, on PostgreSQL, a quarter of an hour.
    """
    if settings().is_production:
        raise click.ClickException("these are made up: not in production")
    size = generating.Size(
        books=books,
        reviews=5 * books if reviews is None else reviews,
        orders=books if orders is None else orders,
        users=max(100, books // 5) if users is None else users,
        seed=seed,
    )
    with refusals.shown():
        written = generating.generate(size, Progress())
    said = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in written.items())
    click.echo(f"Generated {said}.")


class Progress:
    """Shows on a terminal what is written, how fast, and how long it will take."""

    def __init__(self) -> None:
        self._what, self._since, self._shown = "", 0.0, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._since = what, now
        is_drawn = sys.stderr.isatty()
        if done < total and (now - self._shown < 0.5 or not is_drawn):
            return
        self._shown = now
        line = self._line(what, done, total, now)
        click.echo(f"\r\033[K{line}" if is_drawn else line, nl=not is_drawn, err=True)
        if is_drawn and done >= total:
            click.echo(err=True)

    def _line(self, what: str, done: int, total: int, now: float) -> str:
        if not done:
            return f"{what} …"
        rate = done / max(now - self._since, 0.001)
        left = (total - done) / rate
        return f"{what}: {done:,} of {total:,}, {rate:,.0f} a second, {left:.0f} s to go"
