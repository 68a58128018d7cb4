"""A shop of a size, in a database that is filled once and may be kept for the next time."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import flask_migrate
import psutil
from flask import Flask
from sqlalchemy import create_engine, delete, insert, select, text

from benchmarks import size_requests
from benchmarks.server import Server
from benchmarks.shop import SECRET
from benchmarks.size_requests import Facts
from bookstore import auth, clock, create_app
from bookstore.config import Settings
from bookstore.extensions import db, redis_handle
from bookstore.models import Book, CartItem, LoginSession, ShoppingCart, User
from bookstore.services import generating
from bookstore.services.accounts import Login
from tests.servers import Postgres, RedisServer

LINES = 3


@dataclass(slots=True)
class SizedShop:
    """An open shop of so many books, and what is needed to ask it."""

    books: int
    app: Flask
    server: Server
    facts: Facts
    carts: list[int]
    postgres_pid: int

    def fill_carts(self) -> None:
        """Put the same three kinds of books into every cart."""
        now = clock.now()
        with self.app.app_context(), db.engine.begin() as connection:
            on_sale = connection.execute(
                select(Book.id, Book.price)
                .where(Book.status == "available", Book.stock > 20, Book.id.in_(self.facts.books))
                .order_by(Book.id)
            ).all()
            rows = [
                {"cart_id": cart, "book_id": book.id, "quantity": 1, "seen_price": book.price}
                | {"added_at": now}
                for at, cart in enumerate(self.carts)
                for book in (on_sale[(at * LINES + n) % len(on_sale)] for n in range(LINES))
            ]
            mine = CartItem.cart_id.in_(self.carts)
            connection.execute(delete(CartItem.__table__).where(mine))
            connection.execute(insert(CartItem.__table__), rows)


@contextlib.contextmanager
def opened(
    server: Postgres, size: generating.Size, folder: Path, readers: int, core: int | None
) -> Iterator[SizedShop]:
    """Open a shop of this size on a PostgreSQL server; fill its database if it is new.

    Args:
        server: where the database is, or is made: ``size_`` and the number of books.
        size: how much there is to be of what.
        folder: for its files; another for each shop.
        readers: how many have a cart and a token.
        core: of the web server; None: any.
    """
    name = f"size_{size.books}"
    with contextlib.ExitStack() as stack:
        redis = RedisServer(folder)
        stack.callback(redis.stop)
        redis.start()
        if not _is_there(server, name):
            server.create_database(name)
        settings = Settings(
            bookstore_env="production",
            bookstore_home=folder,
            secret_key=SECRET,
            database_url=server.url(name),
            redis_url=redis.url,
            web_workers=1,
            force_https=False,
            log_level="WARNING",
            ratelimit_burst="100000000/minute",
            ratelimit_sustained="100000000/day",
            ratelimit_login="100000000/minute",
        )
        app = create_app(settings)
        with app.app_context():
            flask_migrate.upgrade()
            if db.session.scalar(select(Book.id).limit(1)) is None:
                generating.generate(size)
            _vacuum()
            facts = size_requests.facts()
            carts = _people(facts, readers)
            with db.engine.connect() as connection:
                backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
                postgres = psutil.Process(backend).ppid()
            db.session.remove()
            db.engine.dispose()
            redis_handle.client.close()
        running = stack.enter_context(Server("wsgi:app", settings, folder, core))
        yield SizedShop(size.books, app, running, facts, carts, postgres)


def _vacuum() -> None:
    """Have no upkeep left that would come while one of them is asked: orders of the last time."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))
        connection.invalidate()


def _is_there(server: Postgres, name: str) -> bool:
    with create_engine(server.url("postgres")).connect() as connection:
        found = connection.execute(
            text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}
        )
        return found.first() is not None


def _people(facts: Facts, many: int) -> list[int]:
    """Log readers with carts in, and one of staff; return the carts."""
    session = db.session()
    carts = session.execute(
        select(ShoppingCart.id, ShoppingCart.user_id)
        .where(ShoppingCart.user_id.is_not(None))
        .order_by(ShoppingCart.id)
        .limit(many)
    ).all()
    clerk = session.scalar(select(User.id).where(User.is_staff).limit(1))
    if clerk is None:
        clerk = session.scalar(select(User.id).order_by(User.id.desc()).limit(1))
        session.get_one(User, clerk).is_staff = True
    logins = [
        Login(user, str(uuid.uuid4()), str(uuid.uuid4()))
        for user in [clerk or 0, *(cart.user_id for cart in carts)]
    ]
    session.execute(
        insert(LoginSession),
        [
            {
                "id": login.session_id,
                "user_id": login.user_id,
                "refresh_jti": login.refresh_jti,
                "expires_at": clock.now() + timedelta(days=1),
            }
            for login in logins
        ],
    )
    session.commit()
    facts.staff, *facts.readers = [auth.tokens(login)["access"] for login in logins]
    return [cart.id for cart in carts]
