"""Rows for tests, made by the services that the shop itself uses."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import func, select

from bookstore import auth, clock
from bookstore.extensions import db
from bookstore.models import (
    Author,
    Book,
    Category,
    LoginSession,
    Order,
    OrderItem,
    StockMovement,
    User,
)
from bookstore.services import (
    cart_lines,
    catalog_editing,
    catalog_records,
    coupon_editing,
    sales_folding,
    sessions,
)
from bookstore.services.actors import SYSTEM
from bookstore.services.passwords import HASHER
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client

_numbers = count(1)
PASSWORD = "a password for tests"
# Hashing is slow on purpose; tests that do not log in share one hash.
_HASH = HASHER.hash(PASSWORD)


def make_user(name: str | None = None, *, is_staff: bool = False) -> User:
    """Return a user whose password is PASSWORD (needs an app context)."""
    name = name or f"user{next(_numbers)}"
    with unit_of_work() as session:
        user = User(
            username=name,
            username_key=name.casefold(),
            email=f"{name}@example.com",
            email_key=f"{name}@example.com".casefold(),
            password_hash=_HASH,
            is_staff=is_staff,
        )
        session.add(user)
    return user


def make_author(first: str = "Ursula", last: str = "Le Guin") -> Author:
    """Return an author."""
    fields = {"first_name": first, "last_name": last}
    author: Author = catalog_records.create_record(SYSTEM, catalog_records.AUTHORS, fields)
    return author


def make_category(name: str) -> Category:
    """Return a category."""
    kind = catalog_records.CATEGORIES
    category: Category = catalog_records.create_record(SYSTEM, kind, {"name": name})
    return category


def make_book(title: str | None = None, *, price: int = 1999, stock: int = 10, **more: Any) -> Book:
    """Return a book with an author."""
    if not {"author_id", "author_ids"} & set(more):
        more["author_id"] = make_author().id
    fields = {"title": title or f"Book {next(_numbers)}", "price": price, "stock": stock, **more}
    return catalog_editing.create_book(SYSTEM, fields)


def new_book(shop: Flask, **fields: Any) -> int:
    """Return the id of a new book (needs no app context)."""
    with shop.app_context():
        return make_book(**fields).id


def new_coupon(shop: Flask, code: str, value: str | None = "10", **fields: Any) -> int:
    """Return the id of a new coupon: ten percent, unless it is told otherwise."""
    kind = fields.pop("kind", "percent")
    with shop.app_context():
        given = {"code": code, "kind": kind, "value": value, **fields}
        return coupon_editing.create(SYSTEM, given).id


def log_in(app: Flask, user: User) -> Client:
    """Return a client of that user (no password is checked: the session is made at once)."""
    with app.app_context():
        with unit_of_work() as session:
            login = LoginSession(
                id=str(uuid4()),
                user_id=user.id,
                refresh_jti=str(uuid4()),
                expires_at=clock.now() + timedelta(days=30),
            )
            session.add(login)
        tokens = auth.tokens(sessions.Login(user.id, login.id, login.refresh_jti))
    return Client(app).with_token(tokens["access"])


def reader_and_clerk(app: Flask) -> tuple[Client, Client]:
    """Return a client of a new reader and one of new staff."""
    with app.app_context():
        reader, clerk = make_user(), make_user(is_staff=True)
    return log_in(app, reader), log_in(app, clerk)


def make_buyers(app: Flask, count: int) -> list[tuple[int, str]]:
    """Return (user id, access token) of new users, made in one transaction."""
    with app.app_context():
        with unit_of_work() as session:
            users = [make_user() for _ in range(count)]
            session.flush()
            logins = [
                LoginSession(
                    id=str(uuid4()),
                    user_id=user.id,
                    refresh_jti=str(uuid4()),
                    expires_at=clock.now() + timedelta(days=30),
                )
                for user in users
            ]
            session.add_all(logins)
        return [
            (login.user_id, auth.tokens(sessions.Login(login.user_id, login.id, ""))["access"])
            for login in logins
        ]


def make_clerk(app: Flask) -> str:
    """Return the access token of new staff."""
    [(user_id, token)] = make_buyers(app, 1)
    with app.app_context(), unit_of_work() as session:
        session.get_one(User, user_id).is_staff = True
    return token


def fill_carts(app: Flask, carts: dict[int, list[tuple[int, int]]]) -> None:
    """Put (book id, copies) into the carts of users, in one transaction."""
    with app.app_context(), unit_of_work() as session:
        for user_id, lines in carts.items():
            cart_id = cart_lines.lock_of_user(session, user_id)
            for book_id, copies in lines:
                cart_lines.put_copies(session, cart_id, book_id, copies)


def check_books(app: Flask) -> dict[int, int]:
    """Assert that stock equals its ledger and every order adds up; return stock by book id."""
    sold = select(OrderItem.book_id, func.sum(OrderItem.quantity).label("n"))
    sold = sold.join(Order).where(~Order.stock_returned).group_by(OrderItem.book_id)
    lines = select(OrderItem.order_id, func.sum(OrderItem.quantity * OrderItem.price).label("sum"))
    with app.app_context(), db.engine.connect() as connection:
        moved = select(StockMovement.book_id, func.sum(StockMovement.delta))
        ledger = dict(connection.execute(moved.group_by(StockMovement.book_id)).all())
        copies = dict(connection.execute(sold).all())
        sums = dict(connection.execute(lines.group_by(OrderItem.order_id)).all())
        stock = {}
        for book in connection.execute(select(Book.id, Book.stock, Book.sold)):
            stock[book.id] = book.stock
            assert book.stock == ledger.get(book.id, 0), f"book {book.id} and its ledger differ"
            assert book.sold == copies.get(book.id, 0), f"book {book.id} counts other sales"
        for order in connection.execute(select(Order.__table__)):
            assert order.subtotal == sums.get(order.id), f"order {order.id} and its lines differ"
            due = order.subtotal - order.discount + order.shipping + order.tax
            assert order.total_amount == due
        for wrong in (sales_folding.wrong_days, sales_folding.wrong_books):
            assert connection.execute(wrong()).all() == []
        assert connection.execute(sales_folding.wrong_totals()).all() == []
    return stock
