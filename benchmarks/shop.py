"""The shop that is measured: its servers, its books, and buyers with carts."""

import contextlib
import random
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import psutil
from sqlalchemy import Engine, delete, insert, select, text, update

from benchmarks import catalogue, inside
from bookstore import auth, clock, create_app
from bookstore.config import Settings
from bookstore.extensions import db, redis_handle
from bookstore.gateways import cache
from bookstore.models import Book, CartItem, LoginSession, Review, ShoppingCart, User
from bookstore.services import catalog_cache
from bookstore.services.accounts import Login
from tests.servers import PostgresServer, RedisServer

SECRET = "only ever signs the tokens of a benchmark"
IN_CARTS = 2000  # so many of the books are bought: enough that orders rarely meet in one row
REVIEWED = 100  # so many of the newest books: GraphQL shows those


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody with a cart: a login, and the books that go into the cart, in order.

    Their user and their cart have the same number.
    """

    cart_id: int
    session_id: str
    token: str
    books: Sequence[tuple[int, int]]  # (id, price)


@dataclass(slots=True)
class Shop:
    """An open shop; the app's context is the present one.

    ``many`` is how many requests a round can have at most; there are so many buyers.
    """

    settings: Settings
    folder: Path
    many: int
    software: str
    redis_pid: int
    postgres_pid: int | None
    stock: str = ""
    books: Sequence[tuple[int, int, str]] = ()  # (id, price, title)
    buyers: Sequence[Buyer] = ()

    def fill_carts(self, lines: int) -> None:
        """Make every cart hold the first ``lines`` of its buyer's books, one copy each."""
        now = clock.now()
        rows = [
            {
                "cart_id": buyer.cart_id,
                "book_id": book_id,
                "quantity": 1,
                "seen_price": price,
                "added_at": now,
            }
            for buyer in self.buyers
            for book_id, price in buyer.books[:lines]
        ]
        with db.engine.begin() as connection:
            connection.execute(delete(CartItem.__table__))
            connection.execute(insert(CartItem.__table__), rows)

    def forget_cached(self) -> None:
        """Make every cached answer stale, as a change of the catalogue does."""
        cache.bump(catalog_cache.NAMESPACE)


@contextlib.contextmanager
def empty(database: str, **changes: Any) -> Iterator[Shop]:
    """Open an empty shop with its own servers in a temporary folder; leave nothing behind.

    Args:
        database: sqlite or postgresql.
        changes: of settings.
    """
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookstore-bench-")))
        # PostgreSQL may run as another user.
        scratch.chmod(0o711)
        redis = RedisServer(scratch)
        stack.callback(redis.stop)
        redis.start()
        url = f"sqlite:///{scratch / 'bookstore.sqlite3'}"
        if database == "postgresql":
            server = PostgresServer(scratch / "postgres", durable=True)
            # Where root may not run it, its folder is elsewhere.
            stack.callback(lambda: shutil.rmtree(server.folder, ignore_errors=True))
            stack.callback(server.stop)
            server.start()
            server.create_database("shop")
            url = server.url("shop")
        settings = Settings(
            bookstore_env="production",
            bookstore_home=scratch,
            secret_key=SECRET,
            database_url=url,
            redis_url=redis.url,
            # All that a shop has to do for its limits, and nobody who meets them.
            **{
                "web_workers": 1,
                # The client speaks plain HTTP, as a proxy that ends TLS does.
                "force_https": False,
                "ratelimit_burst": "100000000/minute",
                "ratelimit_sustained": "100000000/day",
                "ratelimit_login": "100000000/minute",
                **changes,
            },
        )
        app = create_app(settings)
        inside.quiet()
        stack.enter_context(app.app_context())
        stack.callback(redis_handle.client.close)
        stack.callback(db.engine.dispose)
        stack.callback(db.session.remove)
        flask_migrate.upgrade()
        yield Shop(
            settings=settings,
            folder=scratch,
            many=0,
            software=_software(db.engine),
            redis_pid=int(redis_handle.client.info("server")["process_id"]),
            postgres_pid=_postgres_pid(db.engine),
        )


@contextlib.contextmanager
def opened(
    database: str, books: int, folder: Path | None, many: int, **changes: Any
) -> Iterator[Shop]:
    """Open a shop as ``empty`` does, and fill it.

    Args:
        database: sqlite or postgresql.
        books: how many.
        folder: of the goodbooks-10k files, or None for generated books.
        many: how many buyers.
        changes: of settings.
    """
    with empty(database, **changes) as shop:
        shop.many = many
        shop.stock = catalogue.load(folder, books, shop.folder)
        with db.engine.connect() as connection:
            query = select(Book.id, Book.price, Book.title).order_by(Book.id)
            shop.books = [(row.id, row.price, row.title) for row in connection.execute(query)]
        shop.buyers = _buyers(many, shop.books)
        _review(shop.buyers, shop.books[-REVIEWED:])
        db.session.remove()
        vacuum(database)
        yield shop


def vacuum(database: str) -> None:
    """Do what autovacuum would come to do, in the midst of a round."""
    if database == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _buyers(many: int, books: Sequence[tuple[int, int, str]]) -> list[Buyer]:
    now = clock.now()
    people = range(1, many + 1)
    logins = [Login(number, str(uuid.uuid4()), str(uuid.uuid4())) for number in people]
    with db.engine.begin() as connection:
        connection.execute(
            insert(User.__table__),
            [
                {
                    "id": number,
                    "username": f"buyer{number}",
                    "username_key": f"buyer{number}",
                    "email": f"buyer{number}@example.com",
                    "email_key": f"buyer{number}@example.com",
                    "password_hash": "none: they never log in",
                }
                for number in people
            ],
        )
        connection.execute(
            insert(LoginSession.__table__),
            [
                {
                    "id": login.session_id,
                    "user_id": login.user_id,
                    "refresh_jti": login.refresh_jti,
                    "expires_at": now + timedelta(days=1),
                }
                for login in logins
            ],
        )
        connection.execute(
            insert(ShoppingCart.__table__), [{"id": number, "user_id": number} for number in people]
        )
    chance = random.Random(3)
    on_sale = [(book_id, price) for book_id, price, _ in books[:IN_CARTS]]
    return [
        Buyer(
            login.user_id,
            login.session_id,
            auth.tokens(login)["access"],
            chance.sample(on_sale, 3),
        )
        for login in logins
    ]


def _review(buyers: Sequence[Buyer], books: Sequence[tuple[int, int, str]]) -> None:
    """Have two readers say something about each of some books."""
    rows = [
        {
            "book_id": book_id,
            "user_id": buyer.cart_id,
            "rating": 4,
            "title": "Worth a winter",
            "comment": "I read it twice, the second time for the places. " * 3,
        }
        for book_id, _, _ in books
        for buyer in buyers[:2]
    ]
    ids = [book_id for book_id, _, _ in books]
    with db.engine.begin() as connection:
        connection.execute(insert(Review.__table__), rows)
        counted = {"rating_sum": 8, "rating_count": 2}
        connection.execute(update(Book.__table__).where(Book.id.in_(ids)).values(counted))


def _software(engine: Engine) -> str:
    if engine.dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    with engine.connect() as connection:
        return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}"


def _postgres_pid(engine: Engine) -> int | None:
    if engine.dialect.name == "sqlite":
        return None
    with engine.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return psutil.Process(backend).ppid()
