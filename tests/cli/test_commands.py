"""``flask users``, ``orders``, ``reports``, ``settings`` and the shell's names."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import ScriptInfo
from sqlalchemy import select

from bookstore import clock, create_app, shell
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.models import LoginSession, Order, User
from bookstore.services import accounts, cart, orders
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.conftest import SECRET
from tests.factories import make_book, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import paid
from tests.shells import opened


def run(app: Flask, *arguments: str, **options: object) -> Result:
    runner = CliRunner()
    info = ScriptInfo(create_app=lambda: app)
    return runner.invoke(app.cli, arguments, obj=info, **options)  # type: ignore[arg-type]


def place_order(user: User, copies: int = 1) -> Order:
    cart.add_item(user, make_book(price=1000).id, copies)
    return orders.place(user, ADDRESS)


class TestUsers:
    def test_create_staff(self, app: Flask) -> None:
        result = run(
            app, "users", "create", "clara", "--email", "c@example.com", "--password",
            "a long password", "--staff",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        assert "clara (staff)" in result.output
        assert accounts.find("CLARA").is_staff

    def test_create_asks_for_the_password(self, app: Flask) -> None:
        secret = "a long password\n"
        result = run(
            app, "users", "create", "dora", "--email", "d@example.com", input=secret + secret
        )
        assert result.exit_code == 0, result.output
        assert "long password" not in result.output

    def test_create_refuses_by_name(self, app: Flask) -> None:
        arguments = ("users", "create", "x", "--email", "no", "--password", "short")
        result = run(app, *arguments)
        assert result.exit_code == 1
        for field in ("username", "email", "password"):
            assert f"{field}: " in result.output

    def test_create_twice(self, app: Flask) -> None:
        make_user("eva")
        result = run(
            app, "users", "create", "Eva", "--email", "e2@example.com", "--password",
            "a long password",
        )  # fmt: skip
        assert result.exit_code == 1
        assert "username is taken" in result.output

    def test_promote_and_demote(self, app: Flask) -> None:
        make_user("finn")
        assert run(app, "users", "promote", "finn").exit_code == 0
        assert accounts.find("finn").is_staff
        assert run(app, "users", "promote", "finn", "--no-staff", "--premium").exit_code == 0
        assert (accounts.find("finn").is_staff, accounts.find("finn").is_premium) == (False, True)
        assert run(app, "users", "promote", "nobody").exit_code == 1


class TestOrders:
    def test_create_for_somebody(self, app: Flask) -> None:
        user, book = make_user("anna"), make_book(price=1000, stock=5)
        order = ("orders", "create", "anna", "--item", f"{book.id}:2", "--item", str(book.id))
        to = ("--to", "Anna Reader | 1 High Street | York | YO1 7HH | GB")
        first, second = (run(app, *order, *to, "--key", "call 17") for _ in range(2))
        assert first.exit_code == 0, first.output
        assert first.output == second.output
        placed = db.session.scalars(select(Order)).all()
        assert [(one.user_id, one.status) for one in placed] == [(user.id, "pending")]
        assert placed[0].number in first.output
        assert placed[0].events[0].actor == "service"
        db.session.refresh(book)
        assert book.stock == 2

    def test_create_refuses_by_name(self, app: Flask) -> None:
        make_user("anna")
        book, good = make_book(stock=1).id, "Anna | 1 High Street | York | YO1 7HH | GB"
        for user, item, to, named in (
            ("nobody", f"{book}", good, "nobody"),
            ("anna", f"{book}:2", good, "stock"),
            ("anna", "999", good, "999"),
            ("anna", "many", good, "--item"),
            ("anna", f"{book}", "York", "--to"),
            ("anna", f"{book}", "Anna | 1 High Street | York | YO1 7HH | XX", "country"),
        ):
            refused = run(app, "orders", "create", user, "--item", item, "--to", to)
            assert refused.exit_code != 0
            assert named in refused.output, refused.output
        assert db.session.scalars(select(Order)).all() == []

    def test_advance_to_the_end(self, app: Flask) -> None:
        order = place_order(make_user())
        seen = [run(app, "orders", "advance", order.number).output for _ in range(3)]
        assert [line.split()[-1] for line in seen] == ["processing.", "shipped.", "delivered."]
        end = run(app, "orders", "advance", str(order.id))
        assert end.exit_code == 1
        assert "come to its end" in end.output

    def test_advance_with_tracking(self, app: Flask) -> None:
        order = place_order(make_user())
        run(app, "orders", "advance", order.number)
        run(app, "orders", "advance", order.number, "--tracking", "T-1")
        assert orders.get(make_user(is_staff=True), order.id).tracking_number == "T-1"

    def test_advance_refuses(self, app: Flask) -> None:
        order = place_order(make_user())
        assert run(app, "orders", "advance", order.number, "--to", "delivered").exit_code == 1
        assert run(app, "orders", "advance", "nothing").exit_code == 1
        assert run(app, "orders", "advance", "9" * 30).exit_code == 1


def test_sales(app: Flask, fake_stripe: FakeStripe) -> None:
    user = make_user()
    paid(fake_stripe, place_order(user, copies=2))
    orders.cancel(user, place_order(user).id)
    result = run(app, "reports", "sales")
    assert result.exit_code == 0, result.output
    assert "Revenue              24.99 usd" in result.output
    assert "Orders               2" in result.output
    assert "cancelled          1" in result.output
    assert "no such option" not in result.output.lower()
    assert "0.00 usd" in run(app, "reports", "sales", "--to", "2001-01-01").output
    assert run(app, "reports", "sales", "--to", "9999-12-31").output == result.output


def test_maintenance_deletes_only_what_is_past_its_time(app: Flask) -> None:
    user = make_user()
    now = clock.now()
    with unit_of_work() as session:
        for name, days in (("old", -1), ("new", 1)):
            expires = now + timedelta(days=days)
            session.add(
                LoginSession(id=name, user_id=user.id, refresh_jti=name, expires_at=expires)
            )
    result = run(app, "maintenance")
    assert result.exit_code == 0, result.output
    assert "1 login sessions deleted" in result.output
    assert db.session.scalars(select(LoginSession.id)).all() == ["new"]


def test_settings_lists_everything_and_hides_secrets(app: Flask) -> None:
    result = run(app, "settings")
    assert result.exit_code == 0
    assert "PORT = 9" in result.output
    assert "SECRET_KEY = (set, hidden)" in result.output
    assert app.config["SECRET_KEY"] not in result.output


def test_the_shell_has_models_services_and_help(app: Flask) -> None:
    with opened(app) as names:
        pass
    assert {"Book", "Order", "User", "cart", "orders", "db", "SYSTEM", "help"} <= set(names)
    assert "accounts.register" in repr(names["help"])
    assert set(shell.models.__all__) <= set(names)


def test_reprs_say_what_matters(app: Flask) -> None:
    user = make_user("gus", is_staff=True)
    book = make_book("Emma", price=850, stock=3)
    order = place_order(user)
    assert repr(user) == f"<User {user.id} gus (staff)>"
    assert repr(book) == f"<Book {book.id} 'Emma' price=850 stock=3>"
    assert repr(order) == f"<Order {order.id} {order.number} pending 1499 usd>"


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_database_that_is_not_set_up_is_said_so(tmp_path: Path, database: str) -> None:
    settings = Settings(bookstore_env="testing", bookstore_home=tmp_path, secret_key=SECRET)
    result = run(create_app(settings), "users", "promote", "ann")
    assert result.exit_code == 1
    assert "db upgrade" in result.output
    assert len(result.output.splitlines()) == 1


class TestSample:
    def test_it_fills_an_empty_shop_once(self, app: Flask) -> None:
        first = run(app, "catalog", "sample")
        assert first.exit_code == 0, first.output
        assert "72 books" in first.output
        assert accounts.find("clerk").is_staff
        again = run(app, "catalog", "sample")
        assert again.exit_code == 1
        assert "not empty" in again.output

    def test_never_in_production(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        changed = replace(app.config["SETTINGS"], bookstore_env="production")
        monkeypatch.setitem(app.config, "SETTINGS", changed)
        assert run(app, "catalog", "sample").exit_code == 1
        assert db.session.scalars(select(User)).all() == []
