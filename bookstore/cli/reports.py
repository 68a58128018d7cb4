"""``flask reports``."""

from datetime import datetime

import click
from flask.cli import AppGroup

from bookstore import money
from bookstore.cli.refusals import shown
from bookstore.services import book_report_files, book_reports, reading, reports, sales_folding
from bookstore.services.actors import SYSTEM

reports_cli = AppGroup("reports", help="Figures for staff.")

_DAY = click.DateTime(["%Y-%m-%d"])


@reports_cli.command("sales")
@click.option("--from", "start", type=_DAY, help="First day (UTC).")
@click.option("--to", "end", type=_DAY, help="Last day (UTC).")
def sales(start: datetime | None, end: datetime | None) -> None:
    """Print revenue, orders by status, average order value and the best sellers."""
    first, last = start.date() if start else None, end.date() if end else None
    reading.begin_report()
    found = reports.sales(SYSTEM, first, last)
    currency = found["currency"]
    average = found["average_order_value"]
    click.echo(f"Revenue              {money.to_text(found['revenue'], currency)} {currency}")
    shown = "-" if average is None else f"{money.to_text(average, currency)} {currency}"
    click.echo(f"Average order value  {shown}")
    click.echo(f"Orders               {found['orders']}")
    for status, count in found["orders_by_status"].items():
        click.echo(f"  {status:18} {count}")
    for row in reports.top_books(SYSTEM, first, last, limit=5):
        click.echo(f"{row['rank']:>2}. {row['copies']:>5} x {row['title']}")


@reports_cli.command("book")
@click.argument("book_id", type=int, metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(book_report_files.FORMS)),
    default="json",
    show_default=True,
    help="What is printed.",
)
def book(book_id: int, form: str) -> None:
    """Print the report of a book: its sales by month, rank, reviews and stock."""
    reading.begin_report()
    with shown():
        found = book_reports.figures(SYSTEM, book_id)
    click.echo(book_report_files.FORMS[form](found), nl=form == "json")


@reports_cli.command("recount")
def recount() -> None:
    """Bring the sums that reports read into line with the orders."""
    click.echo(f"{sales_folding.recount()} sums were wrong.")
