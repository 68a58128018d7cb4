"""The doctor finds what is wrong, says what disagrees with what, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, insert, select, text, update

from bookstore.extensions import db
from bookstore.models import Order
from bookstore.services import (
    abandoned_payments,
    cart,
    doctor,
    expiry,
    orders,
    refunding,
    refunds,
)
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot
from tests.clients import ADDRESS
from tests.factories import make_book, make_user, new_coupon
from tests.fakes.stripe import FakeStripe
from tests.paying import DECLINED, GOOD, intent, let_time_run_out, paid, payment, place
from tests.services.planted import PLANTED


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def with_coupons(shop: Flask) -> Order:
    """Return an order with a tenth off, and free shipping."""
    new_coupon(shop, "TENTH", "10", stackable=True, usage_limit=9)
    new_coupon(shop, "POST", None, kind="free_shipping", stackable=True)
    user = make_user()
    for price in (999, 1050):
        cart.add_item(user, make_book(price=price).id, 2)
    for code in ("TENTH", "POST"):
        cart.put_coupon(user, code)
    return orders.place(user, ADDRESS)


@pytest.fixture
def lived(stripe: FakeStripe, shop: Flask) -> dict[str, Order]:
    """A shop after a mixed life: one order of each fate."""
    found = {
        "paid": paid(stripe, with_coupons(shop)),
        "half": paid(stripe, place()),
        "back": paid(stripe, place(copies=2)),
        "restocked": paid(stripe, place()),
        "cancelled": place(),
        "late": place(),
        "too_late": place(stock=1),
        "unpaid": place(),
        "declined": place(),
        "twice": place(),
    }
    refunds.request(SYSTEM, found["half"].id, 500)
    refunds.request(SYSTEM, found["restocked"].id, 500, restock=True)
    orders.cancel(SYSTEM, found["back"].id)
    orders.cancel(SYSTEM, found["cancelled"].id)
    stripe.pay(intent(found["declined"]).client_secret, DECLINED)
    secrets = {name: intent(found[name]).client_secret for name in ("late", "too_late", "twice")}
    for name in ("late", "too_late"):
        let_time_run_out(found[name])
    expiry.expire_orders()
    other = make_user()
    cart.add_item(other, found["too_late"].items[0].book_id)
    found["bought it"] = orders.place(other, ADDRESS)
    for secret in secrets.values():
        stripe.pay(secret, GOOD)
    stripe.settle()
    refunding.send_due()
    abandoned_payments.drop()
    stripe.settle()
    return found


def found() -> list[str]:
    return list(doctor.examine())


def test_a_healthy_shop_has_nothing(lived: dict[str, Order], app: Flask) -> None:
    assert found() == []
    done = app.test_cli_runner().invoke(args=["doctor"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Nothing found: ")
    assert f"{len(lived)} orders" in done.output


def test_an_empty_shop_has_nothing() -> None:
    assert found() == []


def test_each_wrong_row_is_found(lived: dict[str, Order], stripe: FakeStripe) -> None:
    age_at_stripe(stripe)
    order = lived["paid"]
    names: dict[str, Any] = {name: one.id for name, one in lived.items()}
    names |= {"id": order.id, "number": order.number, "book": order.items[0].book_id}
    missed = {}
    for planted, said in PLANTED:
        assert found() == []
        with planting(planted.format(**names)):
            lines = found()
            if said.format(**names) not in "\n".join(lines):
                missed[planted] = lines
    assert missed == {}


def test_what_is_no_json_is_told_of_and_the_rest_too(
    lived: dict[str, Order], database: str
) -> None:
    if database == "postgresql":
        pytest.skip("PostgreSQL takes nothing but JSON")
    number = lived["paid"].number
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE orders SET tax_lines = 'x' WHERE payment_status = 'paid'"))
        connection.execute(text("UPDATE books SET stock = stock + 1"))
    told = found()
    assert f"taxes of orders: what is written of {number} cannot be read" in told
    assert any(line.startswith("book ") for line in told)


@contextmanager
def planting(statement: str) -> Iterator[None]:
    """Change rows of a table, and have them be as they were afterwards."""
    name = statement.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    table = db.metadata.tables[name]

    def rows(connection: Connection) -> dict[int, dict[str, Any]]:
        kept = [column for column in table.c if column.computed is None]
        return {row["id"]: dict(row) for row in connection.execute(select(*kept)).mappings()}

    with db.engine.begin() as connection:
        before = rows(connection)
        assert connection.execute(text(statement)).rowcount >= 1
    yield
    new_snapshot()
    with db.engine.begin() as connection:
        now = rows(connection)
        for id_, row in before.items():
            if id_ not in now:
                connection.execute(insert(table).values(row))
            elif changed := {name: row[name] for name in row if now[id_][name] != row[name]}:
                connection.execute(update(table).where(table.c.id == id_).values(changed))


def age_at_stripe(stripe: FakeStripe) -> None:
    """Have all be made a minute ago: what is made this second is not listed yet."""
    for kind in ("payment_intent", "refund"):
        for made in stripe.account.table(kind).values():
            made["created"] -= 60


def test_what_stripe_has_is_compared(stripe: FakeStripe, app: Flask) -> None:
    order = paid(stripe, place())
    age_at_stripe(stripe)
    assert found() == []
    stripe.tamper(str(payment(order).intent_id), amount_received=1)
    [line] = found()
    assert "24.98 USD here, 0.01 USD at Stripe" in line
    assert list(doctor.examine(offline=True)) == []
    runner = app.test_cli_runner()
    done = runner.invoke(args=["doctor", "--days", "3"])
    assert done.exit_code == 1
    assert line in done.output
    assert "1 disagreement in" in done.output
    assert runner.invoke(args=["doctor", "--offline"]).exit_code == 0
    stripe.fail("GET /v1/payment_intents", "http_503", times=3)
    away = runner.invoke(args=["doctor"])
    assert (away.exit_code, "Error: " in away.output) == (1, True)
