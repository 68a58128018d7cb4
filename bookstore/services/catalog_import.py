"""Loading a catalogue from a file: good rows go in, bad ones are reported."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services.actors import Acting, require_staff
from bookstore.services.imports import goodbooks, onix, onix_reading, rows
from bookstore.services.imports.loading import Loader
from bookstore.services.imports.reading import Source
from bookstore.services.imports.report import Draft, Report, RowError
from bookstore.services.steps import Alone, Steps
from bookstore.unit_of_work import new_snapshot

__all__ = ["Report", "RowError", "import_file", "load_sample"]

BATCH = 1000
# Of complaints, so many outlive the worker of a job.
MOST_ERRORS = 1000
_COUNTS = ("created", "updated", "unchanged", "bad")

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
    steps: Steps | None = None,
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
        steps: of a job, which goes on where it was interrupted; of complaints it then knows
            ``MOST_ERRORS`` at least.

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
    steps = _Looking(actor, progress) if steps is None and dry_run else steps
    steps = Alone(actor, progress) if steps is None else steps
    steps.total = total
    found = rows_of()
    _go_on(loader, steps, found)
    while batch := list(islice(found, BATCH)):
        good = [one for one in batch if isinstance(one, Draft)]
        for one in batch:
            if not isinstance(one, Draft):
                loader.report.refuse(one)
        loader.load(good, partial(_noted, loader, steps, len(batch)))
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


# -- where it goes on --------------------------------------------------------------------------
class _Looking(Alone):
    """A dry run: nothing is written, so nobody who writes has to wait for it."""

    @contextmanager
    def batch(self, steps: int, **state: Any) -> Iterator[Session]:
        new_snapshot()
        yield db.session()
        self.tell(steps, state)


@contextmanager
def _noted(loader: Loader, steps: Steps, count: int) -> Iterator[Session]:
    """Open the transaction of a batch; with it is noted what had come of the file by then."""
    with steps.batch(count) as session:
        yield session
        report = loader.report
        kept = [[error.row, error.field, error.reason] for error in report.errors[:MOST_ERRORS]]
        counts = {name: getattr(report, name) for name in _COUNTS}
        done = steps.state.get("rows", 0) + count
        steps.state.update(rows=done, counts=counts, errors=kept)


def _go_on(loader: Loader, steps: Steps, found: Iterator[Row]) -> None:
    """Pass over the rows that were done before an interruption, and know what came of them."""
    done = steps.state.get("rows", 0)
    loader.pass_over(one for one in islice(found, done) if isinstance(one, Draft))
    for name, count in steps.state.get("counts", {}).items():
        setattr(loader.report, name, count)
    loader.report.errors = [RowError(*error) for error in steps.state.get("errors", [])]
