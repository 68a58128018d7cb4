"""What is recommended: pairs from orders and ratings, and what is never shown."""

import sys

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import errors
from bookstore.models import Book, Order, User
from bookstore.services import orders, recommendations, reviews, wishlist
from bookstore.services.actors import GUEST, SYSTEM
from bookstore.services.recommending import fitting
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.factories import make_book, make_category, make_user
from tests.recommending import METHODS, buy, make_books, make_shelf, shown, top


def shown_to(user: User) -> list[int]:
    """Return the ids of what is recommended to a reader."""
    new_snapshot()
    return [book["id"] for book in recommendations.for_user(user)]


@pytest.fixture
def shelf(app: Flask) -> list[int]:
    return make_shelf()


@pytest.mark.parametrize("method", METHODS)
def test_who_bought_this_also_bought_that(shelf: list[int], method: fitting.Method) -> None:
    report = fitting.fit(SYSTEM, method)
    assert (report.method, report.readers, report.books) == (method, 8, 12)
    assert top(shelf[0]) == shelf[1]
    assert top(shelf[1]) == shelf[0]
    assert (top(shelf[3]), top(shelf[4])) == (shelf[4], shelf[3])
    assert shown(shelf[0])[:2] == [shelf[1], shelf[2]]
    # Nobody who bought 5 bought another; its list is the best sellers.
    assert len(shown(shelf[5])) == recommendations.MANY
    assert shown(shelf[5])[:2] == [shelf[0], shelf[1]]


@pytest.mark.parametrize("method", METHODS)
def test_what_was_not_paid_or_was_cancelled_says_nothing(
    app: Flask, method: fitting.Method
) -> None:
    books = make_books(4)
    for _ in range(3):
        buy(make_user(), books[0], books[1], payment_status="unpaid")
        reader = make_user()
        orders.cancel(reader, buy(reader, books[0], books[2], payment_status="unpaid").id)
    for _ in range(2):
        buy(make_user(), books[0], books[3])
    fitting.fit(SYSTEM, method)
    assert top(books[0]) == books[3]
    assert shown(books[0])[0] == books[3]


@pytest.mark.parametrize("method", METHODS)
def test_what_one_reader_alone_bought_is_told_to_nobody(app: Flask, method: fitting.Method) -> None:
    books = make_books(14)
    alone = make_user()
    buy(alone, books[12], books[13])
    buy(alone, books[12])  # oftener, but nobody else
    for place in range(5):
        buy(make_user(), books[place])
    assert fitting.fit(SYSTEM, method).pairs == 0
    # Its list is that of any book: what sells best, which says nothing of who bought it.
    assert len(shown(books[12])) == recommendations.MANY
    assert shown(books[12])[:6] == [books[place] for place in (0, 1, 2, 3, 4, 13)]
    buy(make_user(), books[13], books[12])
    assert fitting.fit(SYSTEM, method).pairs == 2
    assert (top(books[12]), top(books[13])) == (books[13], books[12])


def test_without_the_extra_orders_are_counted(
    shelf: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with caplog.at_level("INFO", "bookstore"):
        assert fitting.fit(SYSTEM).method == "counts"
    assert "numpy and scipy are not installed: orders are counted in SQL" in caplog.messages
    done = caplog.records[-1]
    assert (done.message, vars(done)["pairs"]) == ("recommendations fitted", 6)
    with pytest.raises(errors.Invalid, match="needs numpy and scipy"):
        fitting.fit(SYSTEM, "ease")


def test_ratings_are_learned_from_as_well(app: Flask) -> None:
    books = make_books(4)
    for _ in range(3):
        reader = make_user()
        for book_id in books[:2]:
            reviews.post(reader, book_id, 5)
    assert fitting.fit(SYSTEM, "ease").readers == 3
    assert top(books[0]) == books[1]


def test_what_books_have_in_common_helps_those_that_nobody_bought(app: Flask) -> None:
    crime = make_category("Crime")
    series = make_book("One (Long Series, #1)").id
    others = make_books(8)
    second = make_book("Two (Long Series, #2)").id
    shelved = make_books(2, category_ids=[crime.id])
    fitting.fit(SYSTEM, "ease")
    assert shown(series)[0] == second
    assert shown(shelved[0])[0] == shelved[1]
    assert set(shown(others[0])) <= {series, second, *others, *shelved}


class TestNeverShown:
    @pytest.fixture(autouse=True)
    def _fitted(self, shelf: list[int]) -> None:
        fitting.fit(SYSTEM, "counts")

    @pytest.mark.parametrize(
        "change", [{"stock": 0}, {"status": "out_of_stock"}, {"status": "coming_soon"}]
    )
    def test_what_cannot_be_bought(self, shelf: list[int], change: dict[str, object]) -> None:
        with unit_of_work() as session:
            session.execute(update(Book).where(Book.id == shelf[1]).values(**change))
        reader = make_user()
        buy(reader, shelf[0])
        for found in (shown(shelf[0]), shown(shelf[5]), shown_to(reader), shown_to(make_user())):
            assert shelf[1] not in found
            assert len(found) == len(set(found))

    def test_the_book_itself_or_what_one_has(self, shelf: list[int]) -> None:
        reader = make_user()
        buy(reader, shelf[1])
        assert shelf[0] not in shown(shelf[0])
        assert shelf[1] in shown(shelf[0])
        assert shown(shelf[0], reader)[0] == shelf[2]
        assert shelf[1] not in shown(shelf[0], reader) + shown(shelf[5], reader)

    def test_what_was_given_back_may_be_bought_again(self, shelf: list[int]) -> None:
        reader = make_user()
        order = buy(reader, shelf[1])
        with unit_of_work() as session:
            session.get_one(Order, order.id).payment_status = "refunded"
        assert shown(shelf[0], reader)[0] == shelf[1]

    def test_what_a_reader_has_rated_or_put_on_the_wishlist(self, shelf: list[int]) -> None:
        reader = make_user()
        wishlist.add_item(reader, shelf[0])
        reviews.post(reader, shelf[3], 5)
        reviews.post(reader, shelf[2], 1)
        found = shown_to(reader)
        assert set(found[:2]) == {shelf[1], shelf[4]}
        assert not {shelf[0], shelf[2], shelf[3]} & set(found)

    def test_a_bad_rating_says_nothing_for_its_neighbours(self, shelf: list[int]) -> None:
        reader = make_user()
        reviews.post(reader, shelf[3], 2)
        # What sells best, then: 0 did, five times.
        assert shown_to(reader)[0] == shelf[0]


def test_of_nobody_known_the_shelf_then_the_shop(app: Flask) -> None:
    crime = make_category("Crime")
    plain = make_books(12)
    crimes = make_books(3, category_ids=[crime.id])
    buy(make_user(), plain[7])
    buy(make_user(), crimes[2])
    found = shown(crimes[0])
    assert found[:3] == [crimes[2], crimes[1], plain[7]]
    assert len(found) == recommendations.MANY
    assert shown_to(make_user())[:2] == [plain[7], crimes[2]]
    reader = make_user()
    wishlist.add_item(reader, crimes[0])
    assert shown_to(reader)[:2] == [crimes[2], crimes[1]]


def test_no_such_book(app: Flask) -> None:
    with pytest.raises(errors.NotFound):
        recommendations.for_book(GUEST, 1)
    with pytest.raises(errors.Unauthenticated):
        recommendations.for_user(GUEST)
