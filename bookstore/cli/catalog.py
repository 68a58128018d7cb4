"""``flask catalog``: the catalogue in, as CSV or ONIX, and out as CSV."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import click
from flask.cli import AppGroup

from bookstore.cli import refusals
from bookstore.cli.generating import generate_command
from bookstore.extensions import settings
from bookstore.services import (
    catalog_export,
    catalog_import,
    price_updates,
    reading,
    sample,
    search,
)
from bookstore.services.actors import SYSTEM

catalog_cli = AppGroup("catalog", help="Import, export, reindex and generate the catalogue.")
catalog_cli.add_command(generate_command)


@catalog_cli.command("sample")
def sample_command() -> None:
    """Load the sample catalogue and two demo users into an empty shop; never in production.

    `flask serve` does it by itself.
    """
    if settings().is_production:
        raise click.ClickException("their passwords are known to everybody: not in production")
    with refusals.shown():
        loaded = sample.load_if_empty()
    if loaded is None:
        raise click.ClickException("the shop is not empty: there are books or users")
    click.echo(f"Loaded the sample catalogue: {loaded} books.")
    for name, password, role in sample.DEMO_USERS:
        click.echo(f"Demo {role}: {name} / {password}")


@catalog_cli.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "goodbooks", "onix"]),
    help="The shop's own columns (CSV), the goodbooks-10k data set, or ONIX 3 (XML). "
    "Without it, a look at the file tells CSV from ONIX.",
)
@click.option("--prices", type=click.Path(path_type=Path), help="goodbooks: book_id,price,stock.")
@click.option("--genres", type=click.Path(path_type=Path), help="goodbooks: book_id,genres.")
@click.option("--dry-run", is_flag=True, help="Only report what would happen.")
@click.option("--set-stock", is_flag=True, help="Also set the stock of books already there.")
def import_command(
    file: Path,
    format_: catalog_import.Format | None,
    prices: Path | None,
    genres: Path | None,
    dry_run: bool,
    set_stock: bool,
) -> None:
    """Load books from FILE: CSV with title, authors, price and more, or ONIX 3.

    Good rows are loaded; each bad one is reported as "row N: field: reason", where the header
    is row 1 (of ONIX, N counts records from 1). Running it again changes nothing. Exits with 1 if
    any row was bad.
    """
    with refusals.shown(), _progress() as progress:
        report = catalog_import.import_file(
            SYSTEM,
            file,
            format_,
            prices=prices,
            genres=genres,
            dry_run=dry_run,
            set_stock=set_stock,
            progress=progress,
        )
    for error in report.errors:
        click.echo(str(error), err=True)
    click.echo(f"{'dry run: ' if dry_run else ''}{report}")
    if report.bad:
        raise SystemExit(1)


@catalog_cli.command("prices")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--preview", is_flag=True, help="Only show what FILE would change.")
@click.option("--apply", "apply_", type=int, metavar="ID", help="Apply a previewed update.")
@click.option("--undo", type=int, metavar="ID", help="Put back the old prices of an update.")
def prices_command(file: Path | None, preview: bool, apply_: int | None, undo: int | None) -> None:
    """Change many prices by FILE: CSV with id, isbn or sku, and price.

    Each bad row is reported as "row N: field: reason". What was changed can be taken back by
    --undo, where nobody has changed the price since. Exits with 1 if any row was bad.
    """
    if sum(one is not None for one in (file, apply_, undo)) != 1:
        raise click.UsageError("give one of FILE, --apply and --undo")
    with refusals.shown(), _progress() as progress:
        if file is not None:
            update = price_updates.run_file(SYSTEM, file, preview=preview, progress=progress)
        elif undo is not None:
            update = price_updates.run_act(SYSTEM, undo, "undo", progress)
        else:
            update = price_updates.run_act(SYSTEM, apply_ or 0, "apply", progress)
    for row in price_updates.all_rows(SYSTEM, update["id"], "refused"):
        click.echo(f"row {row['row']}: {row['reason']}", err=True)
    counted = [f"{count} {name}" for name, count in update["counts"].items() if count]
    click.echo(f"price update {update['id']}: {update['status']}: {', '.join(counted)}")
    if file is not None and update["counts"]["refused"]:
        raise SystemExit(1)


@catalog_cli.command("export")
@click.argument("file", default="-", type=click.Path(path_type=Path, allow_dash=True))
def export_command(file: Path) -> None:
    """Write all books to FILE (standard output unless given), as the import reads them."""
    reading.begin_report()
    with refusals.shown():
        if str(file) == "-":
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8")
            catalog_export.write_csv(sys.stdout)
            return
        if file.is_dir():
            raise click.ClickException(f"{file}: Is a directory")
        # Written aside first: a failure half-way leaves an older export as it was.
        draft = file.with_name(f".{file.name}.part")
        try:
            with draft.open("w", encoding="utf-8", newline="") as stream:
                count = catalog_export.write_csv(stream)
            draft.replace(file)
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
    click.echo(f"{count} books written to {file}", err=True)


@catalog_cli.command("reindex")
def reindex_command() -> None:
    """Rebuild what the search looks through."""
    click.echo(f"{search.reindex(SYSTEM)} books indexed")


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a callback that draws a bar on a terminal, or else writes one line at the end."""
    stream: TextIO = sys.stderr
    if not stream.isatty():
        seen = [0, 0]

        def remember(done: int, total: int) -> None:
            seen[:] = [done, total]

        yield remember
        click.echo(f"{seen[0]} of {seen[1]} rows read", err=True)
        return
    with click.progressbar(length=1, label="Importing", file=stream) as bar:

        def draw(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield draw
