"""Loading a catalogue from a file: good rows go in, bad ones are reported."""

from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Literal

from sqlalchemy import exists, select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services.actors import Acting, require_staff
from bookstore.services.imports import goodbooks, rows
from bookstore.services.imports.loading import Loader
from bookstore.services.imports.reading import Source
from bookstore.services.imports.report import Draft, Report, RowError

__all__ = ["Report", "RowError", "import_file", "load_sample"]

BATCH = 1000

Format = Literal["csv", "goodbooks"]
Parse = Callable[[int, dict[str, str]], Draft | list[RowError]]


def import_file(
    actor: Acting,
    path: str | Path,
    format: Format = "csv",
    prices: str | Path | None = None,
    genres: str | Path | None = None,
    dry_run: bool = False,
    set_stock: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Load books from a CSV file and return what came of it.

    A book is known by its SKU, or else its ISBN, or else its title and authors. One that is
    there already gets what the file says; a column that the file lacks is left alone, and so
    is its stock. Every batch of rows is one transaction, so a reader never sees half a book
    and an import that is stopped can be run again.

    Args:
        actor: staff.
        path: the file; ``.gz`` is read too.
        format: the shop's own CSV, or the goodbooks-10k data set.
        prices: of goodbooks: CSV of book_id, price, stock.
        genres: of goodbooks: CSV of book_id, genres.
        dry_run: only report what would happen.
        set_stock: also set the stock of books that are there already.
        progress: called with (rows done, rows in all) after each batch.

    Raises:
        Forbidden: not staff.
        Invalid: the file cannot be read as such, or its columns are wrong; nothing was loaded.
    """
    require_staff(actor)
    source = Source(Path(path))
    parse: Parse
    if format == "goodbooks":
        source.require(goodbooks.COLUMNS)
        if prices is None:
            reason = "needed: goodbooks has none of its own"
            raise errors.Invalid({"prices": [reason]}, f"prices: {reason}")
        data = goodbooks.Goodbooks(Path(prices), Path(genres) if genres else None)
        parse, columns = data.to_draft, frozenset({"isbn", "publication_date", "cover_url"})
    else:
        source.require(rows.REQUIRED, rows.OPTIONAL)
        parse, columns = rows.to_draft, frozenset(source.columns)
    loader = Loader(actor.label, columns, set_stock=set_stock, dry_run=dry_run)
    done = 0
    for batch in _batches(source):
        drafts = []
        for number, given in batch:
            result = (
                [RowError(number, *given)] if isinstance(given, tuple) else parse(number, given)
            )
            if isinstance(result, Draft):
                drafts.append(result)
            else:
                loader.report.refuse(result)
        loader.load(drafts)
        done += len(batch)
        if progress:
            progress(done, source.total)
    loader.report.errors.sort(key=lambda error: error.row)
    return loader.report


def load_sample(actor: Acting) -> Report:
    """Load the sample catalogue that comes with the service, if there are no books at all.

    Raises:
        Forbidden: not staff.
    """
    require_staff(actor)
    if db.session.scalar(select(exists().select_from(Book))):
        return Report()
    sample = resources.files("bookstore").joinpath("data/sample_catalogue.csv")
    with resources.as_file(sample) as path:
        return import_file(actor, path)


def _batches(source: Source) -> Iterator[list[tuple[int, dict[str, str] | tuple[str, str]]]]:
    batch = []
    for row in source.rows():
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
