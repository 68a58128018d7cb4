"""Loading a catalogue from a file: good rows go in, bad ones are reported."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Literal

from sqlalchemy import exists, select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services.actors import Acting, require_staff
from bookstore.services.imports import goodbooks, onix, onix_reading, rows
from bookstore.services.imports.loading import Loader
from bookstore.services.imports.reading import Source
from bookstore.services.imports.report import Draft, Report, RowError

__all__ = ["Report", "RowError", "import_file", "load_sample"]

BATCH = 1000

Format = Literal["csv", "goodbooks", "onix"]


def import_file(
    actor: Acting,
    path: str | Path,
    format: Format | None = None,
    prices: str | Path | None = None,
    genres: str | Path | None = None,
    dry_run: bool = False,
    set_stock: bool = False,
    progress: Callable[[int, int], None] | None = None,
    name: str | None = None,
) -> Report:
    """Load books from a file and return what came of it.

    A book is known by its SKU, or else its ISBN, or else its title and authors. One that is
    there already gets what the file says; a column that the file lacks is left alone, and so
    is its stock (of ONIX, whatever a record does not say). Every batch of rows is one
    transaction, so a reader never sees half a book and an import that is stopped can be run
    again.

    Args:
        actor: staff.
        path: the file; ``.gz`` is read too.
        format: the shop's own CSV, the goodbooks-10k data set, or ONIX 3; None: by a look at the
            file, CSV or ONIX.
        prices: of goodbooks: CSV of book_id, price, stock.
        genres: of goodbooks: CSV of book_id, genres.
        dry_run: only report what would happen.
        set_stock: also set the stock of books that are there already.
        progress: called with (rows done, rows in all) after each batch.
        name: what complaints call the file; its path, unless told.

    Raises:
        Forbidden: not staff.
        Invalid: the file cannot be read as such, or its columns are wrong; nothing was loaded.
    """
    require_staff(actor)
    path = Path(path)
    if format is None:
        format = "onix" if onix_reading.is_xml(path) else "csv"
    rows_of, total = _FORMATS[format](_File(path, name, prices, genres))
    loader = Loader(actor.label, set_stock=set_stock, dry_run=dry_run)
    done = 0
    for batch in _batches(rows_of()):
        drafts = []
        for result in batch:
            if isinstance(result, Draft):
                drafts.append(result)
            else:
                loader.report.refuse(result)
        loader.load(drafts)
        done += len(batch)
        if progress:
            progress(done, total)
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


# -- formats: each checks the whole file, and returns what its rows come to and how many there are
@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str | None
    prices: str | Path | None
    genres: str | Path | None


Row = Draft | list[RowError]
Opened = tuple[Callable[[], Iterator[Row]], int]


def _csv(file: _File) -> Opened:
    source = Source(file.path, file.name)
    source.require(rows.REQUIRED, rows.OPTIONAL)
    return lambda: _parsed(source, rows.to_draft), source.total


def _goodbooks(file: _File) -> Opened:
    source = Source(file.path, file.name)
    source.require(goodbooks.COLUMNS)
    if file.prices is None:
        reason = "needed: goodbooks has none of its own"
        raise errors.Invalid({"prices": [reason]}, f"prices: {reason}")
    data = goodbooks.Goodbooks(Path(file.prices), Path(file.genres) if file.genres else None)
    return lambda: _parsed(source, data.to_draft), source.total


def _onix(file: _File) -> Opened:
    message = onix_reading.OnixSource(file.path, file.name)
    return lambda: (onix.to_draft(*one) for one in message.records()), message.total


_FORMATS: dict[Format, Callable[[_File], Opened]] = {
    "csv": _csv,
    "goodbooks": _goodbooks,
    "onix": _onix,
}


def _parsed(source: Source, parse: Callable[[int, dict[str, str]], Row]) -> Iterator[Row]:
    for number, given in source.rows():
        yield [RowError(number, *given)] if isinstance(given, tuple) else parse(number, given)


def _batches(found: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(found, BATCH)):
        yield batch
