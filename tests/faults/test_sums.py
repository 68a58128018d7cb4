"""The sums of what was sold, while whoever folds them is killed again and again."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import func, select

from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.models import SalesChange
from bookstore.services import reports, sales_folding
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot
from tests.clients import ADDRESS, LiveShop, wait_until
from tests.factories import check_books, fill_carts, make_book, make_buyers
from tests.processes import ROOT, environ

pytestmark = pytest.mark.faults

BUYERS, ROUNDS = 20, 4
# Few at once, so that there is much to be killed in the middle of.
FOLDER = """
from bookstore import create_app
from bookstore.services import sales_folding
sales_folding.BATCH = 1
with create_app().app_context():
    print("at work", flush=True)
    while True:
        sales_folding.fold()
"""


def oldest() -> int:
    new_snapshot()
    return db.session.scalar(select(func.min(SalesChange.id))) or 0


def has_gone(change: int) -> bool:
    return oldest() != change


def waiting() -> int:
    new_snapshot()
    return db.session.scalar(select(func.count()).select_from(SalesChange)) or 0


def folder(settings: Settings) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", FOLDER], cwd=ROOT, env=environ(settings), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"at work\n"
    return process


def test_a_fold_that_is_killed_counts_nothing_twice(shop: Flask, live: LiveShop) -> None:
    with shop.app_context():
        books = [make_book(stock=1000, price=1310).id for _ in range(3)]
    buyers = make_buyers(shop, BUYERS)

    def order(token: str) -> int:
        return live.call("POST", "/orders", {"shipping_address": ADDRESS}, token).status_code

    with ThreadPoolExecutor(8) as pool, shop.app_context():
        for _ in range(ROUNDS):
            fill_carts(shop, {user: [(book, 2) for book in books] for user, _ in buyers})
            assert set(pool.map(order, [token for _, token in buyers])) == {201}
            first = oldest()
            fill_carts(shop, {user: [(books[0], 1)] for user, _ in buyers})
            with folder(live.settings) as process:
                # More comes in while it is folded.
                more = pool.map(order, [token for _, token in buyers])
                wait_until(partial(has_gone, first))
                process.kill()
            assert set(more) == {201}
            check_books(shop)
        assert waiting() > 0
        sales_folding.fold()
        assert waiting() == 0
        assert reports.sales(SYSTEM)["orders"] == 2 * BUYERS * ROUNDS
    check_books(shop)
