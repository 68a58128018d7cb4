"""Accounts that are deleted while their orders are placed or paid, and afterwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select, text

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, Notification, Order, ShoppingCart, User
from bookstore.services import accounts, cart, expiry, order_moves, orders, reopening
from bookstore.services.actors import STRIPE, SYSTEM, Actor
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.factories import check_books, make_book, make_user
from tests.paying import let_time_run_out, place, rows, stands
from tests.services.races import Held, in_thread, wait_for

on_postgresql = pytest.mark.parametrize("database", ["postgresql"])


@pytest.fixture
def buyer(shop: Flask) -> Actor:
    """Somebody with a book in their cart."""
    with shop.app_context():
        user = Actor(make_user().id, "a user")
        cart.add_item(user, make_book(price=1000, stock=5).id)
        return user


def is_gone(app: Flask, user: Actor) -> bool:
    """Whether the account is deleted, and what goes with it."""
    with app.app_context():
        left = rows(ShoppingCart, ShoppingCart.user_id == user.id)
        left += rows(Notification, Notification.user_id == user.id)
        return not left and not db.session.get_one(User, user.id).is_active


def statuses(app: Flask) -> list[str]:
    with app.app_context():
        return [order.status for order in rows(Order)]


def shut_the_price_list() -> None:
    """Keep everybody from pricing a cart."""
    db.session.execute(text("LOCK TABLE shipping_methods IN ACCESS EXCLUSIVE MODE"))


@on_postgresql
def test_an_account_deleted_while_its_order_is_placed(shop: Flask, buyer: Actor) -> None:
    with ThreadPoolExecutor(3) as pool:
        shut = Held(shop, pool, shut_the_price_list)
        placed = in_thread(shop, pool, lambda: orders.place(buyer, ADDRESS).id)
        wait_for(shop, 1)
        # The order has the cart and is to refer to the user; the end of the account needs both.
        deleted = in_thread(shop, pool, lambda: accounts.delete_account(buyer))
        wait_for(shop, 2)
        shut.commit()
        assert placed.result(20)
        deleted.result(20)
    assert statuses(shop) == ["pending"]
    assert is_gone(shop, buyer)
    assert list(check_books(shop).values()) == [4]


@on_postgresql
def test_an_order_while_the_account_is_deleted(shop: Flask, buyer: Actor) -> None:
    with ThreadPoolExecutor(2) as pool:
        deleted = Held(shop, pool, lambda: accounts.delete_account(buyer))
        placed = in_thread(shop, pool, lambda: orders.place(buyer, ADDRESS))
        wait_for(shop, 1)
        deleted.commit()
        with pytest.raises(errors.CartEmpty):
            placed.result(20)
    assert statuses(shop) == []
    assert is_gone(shop, buyer)
    assert list(check_books(shop).values()) == [5]


def test_a_deleted_account_orders_nothing(shop: Flask, buyer: Actor) -> None:
    with shop.app_context():
        accounts.delete_account(buyer)
        # By a request that had begun before.
        cart.add_item(buyer, rows(Book)[0].id)
        with pytest.raises(errors.CartEmpty):
            orders.place(buyer, ADDRESS)
    assert statuses(shop) == []
    assert list(check_books(shop).values()) == [5]


@on_postgresql
def test_an_account_deleted_while_its_order_is_taken_up_again(shop: Flask) -> None:
    with shop.app_context():
        order = place()
        book, buyer = order.items[0].book_id, Actor(order.user_id, "a user")
        let_time_run_out(order)
        assert expiry.expire_orders() == 1
        which = order.id

    def pay_late() -> None:
        with unit_of_work() as session:
            order = order_moves.lock(session, STRIPE, which)
            assert reopening.reopen(session, order)
            order.payment_status = "paid"
            order.version += 1
            session.flush()
            order_moves.record_event(order, "order.paid")

    def lock_the_book() -> None:
        db.session.execute(select(Book.id).where(Book.id == book).with_for_update())

    with ThreadPoolExecutor(3) as pool:
        locked = Held(shop, pool, lock_the_book)
        paid = in_thread(shop, pool, pay_late)
        wait_for(shop, 1)
        deleted = in_thread(shop, pool, lambda: accounts.delete_account(buyer))
        wait_for(shop, 2)
        locked.commit()
        paid.result(20)
        deleted.result(20)
    with shop.app_context():
        assert stands(which) == ("pending", "paid")
        assert orders.get(SYSTEM, which).user_id == buyer.id
    assert is_gone(shop, buyer)
    assert check_books(shop) == {book: 9}


def test_who_has_left_is_told_nothing(shop: Flask, buyer: Actor) -> None:
    with shop.app_context():
        order = orders.place(buyer, ADDRESS)
        accounts.delete_account(buyer)
        orders.cancel(SYSTEM, order.id)
    assert statuses(shop) == ["cancelled"]
    assert is_gone(shop, buyer)
