"""``flask catalog generate``: a shop that is made up and yet balances."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from bookstore import errors, isbn
from bookstore.extensions import db
from bookstore.models import Author, Book, BookSearch, Order, Review, StockMovement, User
from bookstore.services import catalog, doctor, generating, reviews, search
from bookstore.services.actors import Actor
from bookstore.services.catalog import BookFilter
from bookstore.services.paging import PageRequest

SIZE = generating.Size(books=300, reviews=1500, orders=200, users=100, seed=7)


@pytest.fixture
def filled(app: Flask) -> Flask:
    generating.generate(SIZE)
    return app


def digest() -> str:
    found = hashlib.sha256()
    for model in (Author, Book, Review, Order, StockMovement):
        # What numbers itself may begin elsewhere the second time.
        own = [column for column in model.__table__.c if column.name != "id"]
        for row in db.session.execute(select(*own).order_by(*own[:3])):
            found.update(repr(tuple(row)).encode())
    return found.hexdigest()


def test_there_is_so_much_of_everything_and_the_doctor_finds_nothing(filled: Flask) -> None:
    counts = {m: db.session.scalar(select(func.count(m.id))) for m in (Book, Review, Order, User)}
    assert counts == {Book: 300, Review: 1500, Order: 200, User: 100}
    assert list(doctor.examine()) == []


def test_isbns_are_valid_and_few_books_sell_much(filled: Flask) -> None:
    assert all(isbn.has_valid_checksum(n) for n in db.session.scalars(select(Book.isbn)))
    sold = sorted(db.session.scalars(select(Book.sold)), reverse=True)
    assert sum(sold[:30]) > sum(sold) / 3


def test_what_was_made_is_found_and_goes_on(filled: Flask) -> None:
    best = catalog.bestsellers(1)[0]
    found = catalog.list_books(BookFilter(q=best["title"]), None, PageRequest())
    assert best["id"] in [book["id"] for book in found.data]
    assert search.suggest(best["title"][:6])
    reader = db.session.scalars(select(User).limit(1)).one()
    told = {review.user_id for review in db.session.scalars(select(Review))}
    assert reader.id in told
    new = db.session.scalars(
        select(Book.id).where(
            ~select(Review).where(Review.book_id == Book.id, Review.user_id == reader.id).exists()
        )
    ).first()
    assert new is not None
    reviews.post(Actor(reader.id, reader.label), new, 5)


def test_the_index_is_what_a_reindex_makes_of_it(filled: Flask) -> None:
    columns = BookSearch.__table__.c
    before = db.session.execute(select(*columns).order_by(columns.book_id)).all()
    search.reindex(Actor(None, "system", is_staff=True))
    assert db.session.execute(select(*columns).order_by(columns.book_id)).all() == before


def test_a_seed_makes_the_same_shop_again(apps: Any, database: str) -> None:
    digests = []
    for seed in (7, 7, 8):
        with apps.empty(database).app_context():
            generating.generate(generating.Size(60, 100, 40, 30, seed))
            digests.append(digest())
            db.session.remove()
    assert digests[0] == digests[1] != digests[2]


def test_stopped_half_way_it_leaves_nothing(app: Flask) -> None:
    def stop(what: str, done: int, _total: int) -> None:
        if what == "reviews" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generating.generate(SIZE, stop)
    for model in (Book, Author, Review, Order, StockMovement, User):
        assert db.session.scalar(select(func.count(model.id))) == 0
    generating.generate(SIZE)


def test_a_shop_with_books_is_refused(filled: Flask) -> None:
    with pytest.raises(errors.Conflict, match="There are books already"):
        generating.generate(SIZE)


def test_more_reviews_than_readers_could_write_are_refused(app: Flask) -> None:
    with pytest.raises(errors.Invalid):
        generating.generate(generating.Size(10, 600, 0, 100, 1))


class TestCommand:
    """The command line around it."""

    @pytest.fixture
    def run(self, shop: Flask) -> Callable[..., Any]:
        runner = shop.test_cli_runner()
        return lambda *words: runner.invoke(args=["catalog", "generate", *words])

    def test_it_says_what_it_wrote(self, run: Callable[..., Any], shop: Flask) -> None:
        done = run("--books", "20", "--users", "50", "--orders", "5", "--reviews", "9")
        assert done.exit_code == 0, done.output
        assert "20 books" in done.stdout
        assert "9 reviews" in done.stdout
        assert "orders: 5 of 5" in done.stderr
        again = run("--books", "20")
        assert again.exit_code == 1
        assert "There are books already" in again.output

    def test_sessions_keep_their_limits(self, run: Callable[..., Any], shop: Flask) -> None:
        assert run("--books", "20").exit_code == 0
        with shop.app_context():
            if db.engine.dialect.name == "postgresql":
                assert db.session.scalar(text("SHOW statement_timeout")) == "10s"
