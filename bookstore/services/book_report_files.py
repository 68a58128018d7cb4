"""The report of a book as files: JSON, CSV, and a page that is whole in itself, to be printed.

The page has no script, and one ``<style>`` without attributes: whoever serves it under a
Content-Security-Policy adds the nonce there.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from bookstore.services import charts
from bookstore.services.charts import Point
from bookstore.services.imports import cells

_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
}
Report = dict[str, Any]


def files(report: Report) -> Iterator[tuple[str, bytes, str]]:
    """Yield (name, bytes, content type) of each file of a report (``book_reports.figures``)."""
    for form, write in FORMS.items():
        yield f"book-{report['book']['id']}.{form}", write(report), _TYPES[form]


def to_json(report: Report) -> bytes:
    """Return the report as JSON."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2)


def to_csv(report: Report) -> bytes:
    """Return the report as CSV: a row a figure, with section, item, value and unit."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(["section", "item", "value", "unit"])
    for row in _rows(report):
        writer.writerow([cells.guard("" if cell is None else str(cell)) for cell in row])
    return stream.getvalue().encode()


def to_html(report: Report) -> bytes:
    """Return the report as a page: each chart has its figures beside or below it."""
    months = report["sales"]["months"]
    copies = [(one["month"], one["copies"]) for one in months]
    revenue = [(one["month"], Decimal(one["revenue"])) for one in months]
    stars = [(f"{n} ★", count) for n, count in report["reviews"]["histogram"].items()]
    moves = [(one["reason"], one["copies"]) for one in report["stock"]["movements"]]
    currency = report["sales"]["currency"].upper()
    text = _template().render(
        **report,
        style=_safe(charts.STYLE),
        shown_currency=currency,
        charts=[
            (title, _safe(draw(title, points, unit=unit)))
            for draw, title, points, unit in (
                (charts.bars, "Copies sold by month", copies, "copies"),
                (charts.lines, "Revenue by month", revenue, currency),
            )
        ],
        stars=_figure("Reviews by stars", stars, "reviews", "Stars"),
        movements=_figure("Copies that came and went", moves, "copies", "Why"),
    )
    return text.encode()


FORMS: dict[str, Callable[[Report], bytes]] = {"json": to_json, "csv": to_csv, "html": to_html}
"""Suffix → what writes a report in that form."""


def _figure(title: str, points: Sequence[Point], unit: str, label: str) -> Markup:
    """Return a chart with its table beside it."""
    chart = charts.bars(title, points, unit=unit)
    table = charts.table(title, points, unit=unit, label=label)
    return _safe(f'<div class="figure">{chart}{table}</div>')


def _safe(text: str) -> Markup:
    """Let what ``charts`` has written into the page as it is: it has escaped what is in it."""
    return Markup(text)  # noqa: S704  # nosec B704


def _rows(report: Report) -> Iterator[tuple[Any, Any, Any, Any]]:
    sales, reviews, stock = (report[name] for name in ("sales", "reviews", "stock"))
    currency = sales["currency"].upper()
    for name, value in report["book"].items():
        yield "book", name, value, currency if name == "price" else ""
    yield "sales", "all", sales["copies"], "copies"
    yield "sales", "all", sales["revenue"], currency
    yield "sales", "first", sales["first_sale"], ""
    yield "sales", "last", sales["last_sale"], ""
    for month in sales["months"]:
        yield "sales by month", month["month"], month["copies"], "copies"
        yield "sales by month", month["month"], month["revenue"], currency
    for place in (
        {"name": "all books", **report["rank"]["overall"]},
        *report["rank"]["categories"],
    ):
        yield "rank", place["name"], place["rank"], f"of {place['of']}"
    yield "reviews", "all", reviews["count"], "reviews"
    yield "reviews", "average", reviews["average"], "stars"
    for stars, count in reviews["histogram"].items():
        yield "reviews by stars", stars, count, "reviews"
    yield "stock", "now", stock["copies"], "copies"
    for move in stock["movements"]:
        yield "stock by reason", move["reason"], move["copies"], "copies"


@cache
def _template() -> Template:
    loader = PackageLoader("bookstore", "templates/reports")
    made = Environment(loader=loader, undefined=StrictUndefined, autoescape=True)
    return made.get_template("book.html")
