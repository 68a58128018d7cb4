"""Rows for tests, made by the services that the shop itself uses."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from flask import Flask

from bookstore import auth, clock
from bookstore.models import Author, Book, Category, LoginSession, User
from bookstore.services import accounts, catalog_editing, catalog_records
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client

_numbers = count(1)
PASSWORD = "a password for tests"
# Hashing is slow on purpose; tests that do not log in share one hash.
_HASH = accounts._passwords.hash(PASSWORD)


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
        tokens = auth.tokens(accounts.Login(user.id, login.id, login.refresh_jti))
    return Client(app).with_token(tokens["access"])


def reader_and_clerk(app: Flask) -> tuple[Client, Client]:
    """Return a client of a new reader and one of new staff."""
    with app.app_context():
        reader, clerk = make_user(), make_user(is_staff=True)
    return log_in(app, reader), log_in(app, clerk)
