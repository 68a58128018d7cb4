"""Sums of what was sold: the same as the orders at every moment, folded or not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import BookDay, BookTotal, Order, SalesChange, SalesDay
from bookstore.services import cart, orders, refunding, refunds, reports, sales_folding
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.clients import ADDRESS
from tests.factories import check_books, make_book, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import paid, payment, place
from tests.services.races import Held, in_thread


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


@pytest.fixture(params=[20_000, 2], ids=["in one", "two at once"])
def batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sales_folding, "BATCH", request.param)


def figures() -> tuple[Any, ...]:
    new_snapshot()
    today = db.session.scalar(select(func.max(Order.created_at))).date()
    return (
        reports.sales(SYSTEM),
        reports.top_books(SYSTEM),
        {**reports.sales(SYSTEM, today, today), "from": None, "to": None},
        reports.top_books(SYSTEM, today, today),
    )


def waiting() -> int:
    new_snapshot()
    return db.session.scalar(select(func.count()).select_from(SalesChange)) or 0


def give_back(stripe: FakeStripe) -> None:
    refunding.send_due()
    stripe.settle()


def test_what_had_expired_is_known_all_the_same(stripe: FakeStripe, shop: Flask) -> None:
    """As in a shell: after a rollback everything is read anew, and a change comes before that."""
    order, other = paid(stripe, place()), payment(paid(stripe, place()))
    db.session.rollback()
    order.status = "shipped"
    other.amount_received = 900
    db.session.commit()
    check_books(shop)


def test_older_releases_are_put_right(stripe: FakeStripe, shop: Flask) -> None:
    """They change orders without their sums; what the orders are of is long ago."""
    paid(stripe, place())
    long_ago, now = clock.now() - timedelta(days=30), clock.now()
    with unit_of_work() as session:
        session.execute(update(Order).values(created_at=long_ago, updated_at=now))
    sales_folding.recount()
    with unit_of_work() as session:
        session.execute(update(Order).values(status="delivered", updated_at=now))
    assert sales_folding.recount_lately() > 0
    check_books(shop)


def test_folding_changes_no_figure(stripe: FakeStripe, shop: Flask, batch: None) -> None:
    kept, partly, wholly = (paid(stripe, place(copies=n)) for n in (3, 2, 1))
    place()

    def lose_a_dispute() -> None:
        made = stripe.dispute(str(payment(kept).intent_id), 700)
        stripe.settle()
        stripe.close_dispute(made["id"], won=False)
        stripe.settle()

    def refund(order: Order, amount: int | None) -> None:
        refunds.request(SYSTEM, order.id, amount)
        give_back(stripe)

    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: refund(partly, 500),
        lambda: refund(wholly, None),
        lambda: orders.advance(SYSTEM, kept.id, "shipped", tracking_number="1"),
        lambda: (orders.cancel(SYSTEM, partly.id), give_back(stripe)),
        lose_a_dispute,
    ]
    seen = []
    for step in steps:
        step()
        before = figures()
        check_books(shop)
        assert waiting() > 0
        sales_folding.fold()
        assert waiting() == 0
        assert figures() == before
        # All of it is of today.
        assert before[:2] == before[2:]
        check_books(shop)
        seen.append(before)
    assert [found[0]["revenue"] for found in seen] == [
        6496 + 4497 + 2498, 6496 + 3997 + 2498, 6496 + 3997, 6496 + 3997, 6496, 6496 - 700,
    ]  # fmt: skip
    assert [len(found[1]) for found in seen] == [3, 3, 2, 2, 1, 1]


def test_the_best_ever_has_what_changed_since(stripe: FakeStripe) -> None:
    sold = [paid(stripe, place(copies=n)) for n in (3, 2, 1)]
    sales_folding.fold()
    orders.cancel(SYSTEM, sold[0].id)
    best = paid(stripe, place(copies=4))
    found = reports.top_books(SYSTEM, limit=2)
    assert [row["book_id"] for row in found] == [one.items[0].book_id for one in (best, sold[1])]


def test_what_was_changed_past_the_shop_is_recounted(stripe: FakeStripe, shop: Flask) -> None:
    order = paid(stripe, place(copies=2))
    place()
    sales_folding.fold()
    before = figures()
    with unit_of_work() as session:
        for table in (SalesDay, BookDay, BookTotal):
            session.execute(text(f"DELETE FROM {table.__tablename__}"))
    assert figures()[0]["orders"] == 0
    assert sales_folding.recount_lately() == 3 + 1
    assert figures() == before
    check_books(shop)
    with unit_of_work() as session:
        session.execute(update(BookTotal).values(copies=7))
    assert sales_folding.recount() == 1
    assert figures() == before
    with unit_of_work() as session:
        session.execute(update(Order).where(Order.id == order.id).values(status="shipped"))
    done = shop.test_cli_runner().invoke(args=["reports", "recount"])
    assert done.output == "2 sums were wrong.\n"
    assert reports.sales(SYSTEM)["orders_by_status"]["shipped"] == 1
    assert sales_folding.recount() == 0


def test_a_migration_counts_what_was_sold_before(stripe: FakeStripe, shop: Flask) -> None:
    half = paid(stripe, place(copies=3))
    paid(stripe, place())
    orders.cancel(SYSTEM, place().id)
    refunds.request(SYSTEM, half.id, 500)
    give_back(stripe)
    before = figures()
    db.session.remove()
    try:
        flask_migrate.downgrade(revision="0017")
    finally:
        flask_migrate.upgrade()
    assert waiting() == 0
    assert figures() == before
    check_books(shop)


@pytest.mark.parametrize("database", ["postgresql"])
def test_nobody_waits_for_a_sum(app: Flask, shop: Flask, stripe: FakeStripe) -> None:
    buyers = [make_user(), make_user()]
    for user in buyers:
        cart.add_item(user, make_book().id)
    with ThreadPoolExecutor(3) as pool:
        first, second = [Held(shop, pool, partial(orders.place, user, ADDRESS)) for user in buyers]
        # It folds what is there, and leaves what is not committed.
        in_thread(shop, pool, sales_folding.fold).result(20)
        first.commit()
        second.commit()
    assert waiting() == 2
    assert reports.sales(SYSTEM)["orders"] == 2
    sales_folding.fold()
    check_books(shop)


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_fold_and_a_recount_take_turns(app: Flask, shop: Flask, stripe: FakeStripe) -> None:
    place()
    with ThreadPoolExecutor(3) as pool:
        folding = Held(shop, pool, lambda: sales_folding.fold())
        turns = [in_thread(shop, pool, run) for run in (sales_folding.fold, sales_folding.recount)]
        folding.commit()
        assert [turn.result(20) for turn in turns] == [0, 0]
    check_books(shop)
