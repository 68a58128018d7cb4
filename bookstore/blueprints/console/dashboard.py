"""The console's first page: how the shop is doing."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response

from bookstore import auth, money
from bookstore.blueprints.console.entrance import staff
from bookstore.blueprints.console.pages import page
from bookstore.extensions import settings
from bookstore.services import charts, dashboard

MENU = "Dashboard"
blp = Blueprint("dashboard", __name__)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, and the same figures as a table: HTML both, which ``services.charts`` escapes."""

    title: str
    image: str
    table: str


@blp.get("/")
@staff
def index() -> Response:
    """Return the page."""
    board = dashboard.collect(auth.current_actor())
    return page("console/dashboard.html", board=board, charts=_charts(board), days=dashboard.DAYS)


def _charts(board: dashboard.Board) -> list[Chart]:
    code = settings().currency
    revenue = [(_label(d), Decimal(money.to_text(d["revenue"], code))) for d in board.days]
    orders = [(_label(d), d["orders"]) for d in board.days]
    return [
        _chart("Revenue by day", charts.lines, revenue, code.upper()),
        _chart("Orders by day", charts.bars, orders, "orders"),
    ]


def _chart(title: str, draw: Callable[..., str], points: list[Any], unit: str) -> Chart:
    return Chart(
        title,
        draw(title, points, unit=unit),
        charts.table(title, points, unit=unit, label="Day (UTC)"),
    )


def _label(day: dict[str, Any]) -> str:
    return f"{day['day']:%m-%d}"
