"""What recurs and may take its time: throwing away, and the daily reports."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import ProgrammingError

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.jobs import recurring
from bookstore.models import CartItem, Order, ShoppingCart
from bookstore.services import cart, daily_reports, maintenance, orders
from bookstore.services.actors import GUEST, Actor
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.conftest import Apps
from tests.factories import make_book, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import paid


def age_carts(days: float) -> None:
    with unit_of_work() as session:
        session.execute(update(ShoppingCart).values(updated_at=clock.now() - timedelta(days=days)))


def test_forgotten_guest_carts_go(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "_BATCH", 2)
    book, user = make_book(), make_user()
    tokens = [cart.add_item(GUEST, book.id).token for _ in range(5)]
    cart.add_item(user, book.id)
    age_carts(29.9)
    assert maintenance.run()["guest carts"] == 0
    age_carts(30.1)
    kept = Actor(None, "guest", cart_token=tokens[0])
    cart.add_item(kept, book.id)
    recurring.maintain()
    assert maintenance.run()["guest carts"] == 0
    # The one touched since then, and the user's.
    assert len(db.session.scalars(select(ShoppingCart.id)).all()) == 2
    assert len(db.session.scalars(select(CartItem.id)).all()) == 2
    assert cart.get(kept)["total_items"] == 2
    age_carts(364.9)
    assert maintenance.run()["idle carts"] == 0
    age_carts(365.1)
    assert maintenance.run()["idle carts"] == 1


@contextmanager
def missing(*tables: str) -> Iterator[None]:
    """Let statements about these tables fail."""

    def rename(suffix: str, to: str) -> None:
        with db.engine.begin() as connection:
            for name in tables:
                connection.execute(text(f"ALTER TABLE {name}{suffix} RENAME TO {name}{to}"))

    db.session.rollback()
    rename("", "_away")
    try:
        yield
    finally:
        db.session.rollback()
        rename("_away", "")


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_part_that_fails_does_not_stop_the_others(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    cart.add_item(GUEST, make_book().id)
    age_carts(31)
    with missing("events", "login_sessions"):
        done = maintenance.run()
    assert done == {
        "idempotency keys": 0,
        "API keys": 0,
        "guest carts": 1,
        "events of Stripe": 0,
        "covers never completed": 0,
        "uploads of covers": 0,
        "files of jobs": 0,
        "jobs": 0,
        "files of imports": 0,
        "price updates": 0,
        "idle carts": 0,
        "mails without an event": 0,
    }
    failed = [vars(one)["part"] for one in caplog.records if one.name == maintenance.__name__]
    assert failed == ["events put in order", "login sessions", "events"]
    assert maintenance.run()["events"] == 0


@pytest.mark.parametrize("database", ["postgresql"])
def test_when_nothing_can_be_done_it_is_an_error(app: Flask) -> None:
    tables = ("events", "login_sessions", "idempotency_keys", "shopping_carts", "stripe_events")
    tables += ("api_keys", "sales_changes", "price_updates", "price_update_rows")
    folder = settings().bookstore_home / "storage" / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    old = folder / "old"
    old.touch()
    os.utime(old, (0, 0))
    with missing(*tables, "cover_uploads", "emails", "jobs"), pytest.raises(ProgrammingError):
        maintenance.run()
    old.unlink()


@pytest.fixture
def folder(app: Flask, apps: Apps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reports go, in a data folder of their own."""
    name = "postgresql" if db.engine.dialect.name == "postgresql" else "sqlite"
    monkeypatch.setitem(app.config, "SETTINGS", apps.settings(name, bookstore_home=tmp_path))
    return tmp_path / "reports"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_reports_of_the_last_days(app: Flask, folder: Path, fake_stripe: FakeStripe) -> None:
    user, yesterday = make_user(), clock.now() - timedelta(days=1)
    for title in ("Piranesi", "=cmd()"):
        cart.add_item(user, make_book(title, price=1000).id, 2)
    order = paid(fake_stripe, orders.place(user, ADDRESS))
    with unit_of_work() as session:
        session.execute(update(Order).where(Order.id == order.id).values(created_at=yesterday))
    recurring.report()  # recounts, too: the order was changed past the session
    assert len(list(folder.iterdir())) == 14
    [sales] = rows(folder / f"sales-{yesterday.date()}.csv")
    assert (sales["orders"], sales["processing"], sales["currency"]) == ("1", "1", "usd")
    assert sales["revenue"] == sales["average_order_value"] == "44.99"  # with shipping
    books = rows(folder / f"books-{yesterday.date()}.csv")
    # A spreadsheet must not run a title.
    assert {book["title"]: book["copies"] for book in books} == {"Piranesi": "2", "'=cmd()": "2"}
    [before] = rows(folder / f"sales-{(yesterday - timedelta(days=1)).date()}.csv")
    assert (before["orders"], before["average_order_value"]) == ("0", "")


def test_a_report_is_written_once(app: Flask, folder: Path) -> None:
    first = daily_reports.write()
    assert len(first) == 14
    Path(first[0]).write_text("signed off")
    Path(first[1]).unlink()
    assert daily_reports.write() == [first[1]]
    assert Path(first[0]).read_text() == "signed off"
    assert not list(folder.glob(".*"))
