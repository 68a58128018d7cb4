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


PLANTED = [
    ("UPDATE books SET stock = stock + 1 WHERE id = {book}", "book {book}: stock 9, its ledger"),
    (
        "UPDATE books SET sold = sold + 1 WHERE id = {book}",
        "book {book}: 3 counted as sold, orders",
    ),
    (
        "UPDATE stock_movements SET delta = -1 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: 2 copies of book {book}, the ledger gave it 1",
    ),
    (
        "DELETE FROM stock_movements WHERE order_id = {id} AND book_id = {book}",
        "order {number}: 2 copies of book {book}, the ledger gave it 0",
    ),
    (
        "UPDATE orders SET stock_returned = false WHERE id = {cancelled}",
        "cancelled, and its copies are not back on sale",
    ),
    (
        "UPDATE order_items SET price = price + 1 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: subtotal 40.98 USD, lines 41.00 USD",
    ),
    (
        "UPDATE order_items SET discount = discount + 1 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: discount 4.10 USD, lines' discounts 4.11 USD",
    ),
    (
        "UPDATE order_items SET tax = tax + 9999 WHERE order_id = {id} AND book_id = {book}",
        "lines' taxes",
    ),
    ("UPDATE orders SET tax_included = tax_included + 1 WHERE id = {id}", "by its rates"),
    # The total has to be the sum of its parts: the database sees to that.
    (
        "UPDATE orders SET discount = discount + 1, total_amount = total_amount - 1,"
        " payment_status = 'paid' WHERE id = {id}",
        "order {number}: discount 4.11 USD, its coupons 4.10 USD",
    ),
    (
        "UPDATE coupon_redemptions SET amount = amount + 1 WHERE order_id = {id}",
        "order {number}: 2 coupons for 9.09 USD, 2 redemptions of 9.11 USD",
    ),
    ("DELETE FROM coupon_redemptions WHERE order_id = {id}", "0 redemptions of 0.00 USD"),
    (
        "UPDATE coupon_redemptions SET released_at = created_at WHERE order_id = {id}",
        "order {number}: processing, and 2 of 2 coupons released",
    ),
    (
        "UPDATE coupons SET used = used + 1 WHERE code = 'TENTH'",
        "coupon TENTH: 2 counted as used, 1 redeemed",
    ),
    (
        "UPDATE payments SET amount_refunded = 1 WHERE order_id = {id}",
        "0.01 USD counted as given back, its refunds are",
    ),
    ("DELETE FROM refunds WHERE order_id = {half}", "5.00 USD counted as given back, its refunds"),
    (
        "UPDATE payments SET status = 'processing' WHERE order_id = {id}",
        "is processing: 36.88 USD came in",
    ),
    (
        "UPDATE payments SET amount_received = 3687 WHERE order_id = {id}",
        "order {number} (processing) is paid: it costs 36.88 USD, 36.87 USD came in",
    ),
    (
        "UPDATE payments SET currency = 'eur' WHERE order_id = {id}",
        "order {number} (processing) is paid",
    ),
    (
        "UPDATE orders SET payment_status = 'unpaid' WHERE id = {id}",
        "order {number} (processing) is unpaid: it costs 36.88 USD, 36.88 USD came in",
    ),
    ("UPDATE orders SET payment_status = 'paid' WHERE id = {unpaid}", "is paid: it costs 24.98"),
    (
        "UPDATE orders SET payment_status = 'processing' WHERE id = {unpaid}",
        "(pending) is processing: it costs 24.98 USD, 0.00 USD came in",
    ),
    (
        "UPDATE payments SET amount_received = 9999 WHERE order_id = {id}",
        "order {number} (processing) is paid: it costs 36.88 USD, 99.99 USD came in",
    ),
    (
        "UPDATE payments SET amount_withdrawn = 100 WHERE order_id = {id}",
        "36.88 USD came in, 0.00 USD went back, a bank took 1.00 USD",
    ),
    ("UPDATE orders SET payment_status = 'paid' WHERE id = {half}", "5.00 USD went back"),
    (
        "UPDATE orders SET payment_status = 'refunded' WHERE id = {half}",
        "is refunded: it costs 24.98 USD, 24.98 USD came in, 5.00 USD went back",
    ),
    (
        "UPDATE refunds SET status = 'failed' WHERE order_id = {back}",
        "its refunds are 0.00 USD",
    ),
    # With Stripe's own list.
    (
        "UPDATE payments SET intent_id = 'pi_other' WHERE order_id = {id}",
        "we have no such",
    ),
    (
        "UPDATE refunds SET refund_id = 're_other' WHERE order_id = {half}",
        "(re_other) is not at Stripe",
    ),
    (
        "UPDATE payments SET amount_received = amount_received + 1 WHERE order_id = {id}",
        "36.89 USD here, 36.88 USD at Stripe",
    ),
]


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


@contextmanager
def planting(statement: str) -> Iterator[None]:
    """Change rows of a table, and have them be as they were afterwards."""
    name = statement.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    table = db.metadata.tables[name]

    def rows(connection: Connection) -> dict[int, dict[str, Any]]:
        return {row["id"]: dict(row) for row in connection.execute(select(table)).mappings()}

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
    assert "1 disagreements in" in done.output
    assert runner.invoke(args=["doctor", "--offline"]).exit_code == 0
    stripe.fail("GET /v1/payment_intents", "http_503", times=3)
    away = runner.invoke(args=["doctor"])
    assert (away.exit_code, "Error: " in away.output) == (1, True)
