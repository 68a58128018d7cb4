"""``flask recommendations``: which books go with which, and how well that is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from bookstore.cli import refusals
from bookstore.services.actors import SYSTEM
from bookstore.services.recommending import fitting
from bookstore.services.recommending.ratings import Files

recommendations_cli = AppGroup(
    "recommendations", help="Fit what is recommended to readers, and measure how good it is."
)

_FILE = click.Path(path_type=Path)


def _files(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--genres", type=_FILE, help="CSV of book_id,genres (unset: beside FILE)."),
        click.option("--books", type=_FILE, help="goodbooks' books.csv (unset: beside FILE)."),
        click.option("--ratings", type=_FILE, help="CSV of user_id,book_id,rating; .gz too."),
    ):
        command = option(command)
    return command


@recommendations_cli.command("fit")
@_files
@click.option(
    "--method",
    type=click.Choice(["ease", "counts"]),
    help="ease needs numpy and scipy; counts is SQL alone (unset: the best there is).",
)
def fit_command(
    ratings: Path | None, books: Path | None, genres: Path | None, method: fitting.Method | None
) -> None:
    """Find out which books go with which, by the shop's orders and reviews.

    And by ratings from elsewhere, as the goodbooks-10k data set has them. The worker does it
    each night, without a file; it leaves what was made of more ratings than the shop has.
    """
    file = Files(ratings, books, genres) if ratings is not None else None
    with refusals.shown():
        report = fitting.fit(SYSTEM, method, file)
    if ratings is not None:
        click.echo(
            f"{report.ratings} ratings read, {report.unknown} of books that the shop has not, "
            f"{report.bad} rows bad"
        )
    click.echo(
        f"{report.method}: {report.pairs} pairs of {report.books} books, by {report.readers} "
        f"readers, in {report.seconds:.1f} s"
    )


@recommendations_cli.command("evaluate")
@_files
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first split.")
@click.option(
    "--splits",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="How often to hold back others, for a mean.",
)
@click.option(
    "--liked",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="Make lists of, and look for, what has so many stars or more; the shop does so of 4.",
)
def evaluate_command(
    ratings: Path | None,
    books: Path | None,
    genres: Path | None,
    seed: int,
    splits: int,
    liked: int,
) -> None:
    """Hold a fifth of each reader's ratings back, and see how many are in their list of ten.

    By the ratings of a file, or else by the shop's own. Nothing is changed.
    """
    file = Files(ratings, books, genres) if ratings is not None else None
    with refusals.shown():
        found = fitting.evaluate(SYSTEM, file, range(seed, seed + splits), liked=liked)
    click.echo(f"{'method':<14}{'NDCG@10':>16}{'recall@10':>16}{'coverage':>16}{'seconds':>10}")
    for result in found:
        cells = [
            f"{result.mean(name):.4f} ±{result.spread(name):.4f}"
            for name in ("ndcg", "recall", "coverage")
        ]
        click.echo(
            f"{result.method:<14}{''.join(f'{cell:>16}' for cell in cells)}"
            f"{result.mean('seconds'):>10.1f}"
        )
