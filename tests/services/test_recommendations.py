"""What is recommended: pairs from orders and ratings, and what is never shown."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, event, func, select, update

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import Book, BookNeighbour, Order, RecommendationFit, User
from bookstore.services import orders, outgoing_owners, recommendations, reviews, wishlist
from bookstore.services.actors import GUEST, SYSTEM
from bookstore.services.recommending import fitting
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.factories import make_book, make_category, make_user
from tests.recommending import buy, make_books

METHODS: tuple[fitting.Method, ...] = ("ease", "counts")


def shown(book_id: int, actor: User | None = None) -> list[int]:
    """Return the ids of what is recommended beside a book."""
    new_snapshot()
    return [book["id"] for book in recommendations.for_book(actor or GUEST, book_id)]


def shown_to(user: User) -> list[int]:
    """Return the ids of what is recommended to a reader."""
    new_snapshot()
    return [book["id"] for book in recommendations.for_user(user)]


def top(book_id: int) -> int | None:
    """Return the first neighbour of a book in the current fit."""
    new_snapshot()
    near = BookNeighbour
    query = (
        select(near.neighbour_id)
        .join(RecommendationFit)
        .where(RecommendationFit.state == "current", near.book_id == book_id, near.rank == 1)
    )
    return db.session.scalar(query)


@pytest.fixture
def shelf(app: Flask) -> list[int]:
    """Twelve books; three readers bought 0 with 1, one 0 with 2, three 3 with 4."""
    books = make_books(12)
    for pair in [(0, 1)] * 3 + [(0, 2)] + [(3, 4)] * 3:
        buy(make_user(), *(books[place] for place in pair))
    return books


@pytest.mark.parametrize("method", METHODS)
def test_who_bought_this_also_bought_that(shelf: list[int], method: fitting.Method) -> None:
    report = fitting.fit(SYSTEM, method)
    assert (report.method, report.readers, report.books) == (method, 7, 12)
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
    buy(make_user(), books[0], books[3])
    fitting.fit(SYSTEM, method)
    assert top(books[0]) == books[3]
    assert shown(books[0])[0] == books[3]


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
        # What sells best, then: 0 did, four times.
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


@contextmanager
def at(words: str, act: Callable[[], None]) -> Iterator[list[str]]:
    """Have something happen before each statement with these words; yield those there were."""
    found: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if words in statement:
            found.append(statement)
            act()

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


class TestFits:
    """One after the other, and each all at once."""

    def test_a_new_one_is_seen_whole_or_not_at_all(
        self, shelf: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fitting, "_ROWS", 1)
        fitting.fit(SYSTEM, "counts")
        assert shown(shelf[0])[:2] == [shelf[1], shelf[2]]
        for _ in range(6):
            buy(make_user(), shelf[0], shelf[9])
        query = select(BookNeighbour.neighbour_id).join(RecommendationFit)
        query = query.where(RecommendationFit.state == "current", BookNeighbour.book_id == shelf[0])
        seen: list[list[int]] = []

        def look() -> None:
            with db.engine.connect() as connection:
                seen.append(list(connection.scalars(query.order_by(BookNeighbour.rank))))

        with at("INSERT INTO book_neighbours", look), at("UPDATE recommendation_fits", look):
            fitting.fit(SYSTEM, "counts")
        assert len(seen) > 8
        assert all(found == [shelf[1], shelf[2]] for found in seen)
        assert shown(shelf[0])[0] == shelf[9]
        fits = db.session.scalars(select(RecommendationFit)).all()
        assert [row.state for row in fits] == ["current"]
        pairs = db.session.scalar(select(func.count()).select_from(BookNeighbour))
        assert pairs == fits[0].pairs

    def test_one_that_fails_leaves_the_last(self, shelf: list[int]) -> None:
        fitting.fit(SYSTEM, "counts")
        before = shown(shelf[0])

        def fail() -> None:
            raise ArithmeticError

        with at("INSERT INTO book_neighbours", fail), pytest.raises(ArithmeticError):
            fitting.fit(SYSTEM, "counts")
        assert shown(shelf[0]) == before
        assert fitting.fit(SYSTEM, "counts").pairs > 0

    def test_two_never_run_together(self, shelf: list[int]) -> None:
        with unit_of_work() as session:
            session.add(RecommendationFit(method="counts"))
        with pytest.raises(errors.FitRunning):
            fitting.fit(SYSTEM)
        assert fitting.fit_by_night(SYSTEM) is None
        with unit_of_work() as session:
            row = session.scalars(select(RecommendationFit)).one()
            row.started_at = clock.now() - fitting.GIVEN_UP_AFTER - timedelta(seconds=1)
        assert fitting.fit(SYSTEM).pairs > 0

    def test_one_whose_process_was_killed_keeps_nobody_waiting(self, shelf: list[int]) -> None:
        ours = outgoing_owners.new_owner()
        gone = subprocess.Popen(["true"])  # its number is nobody's once it has been waited for
        gone.wait()
        theirs = f"{ours[:12]}{gone.pid:08x}{ours[20:]}"
        for owner, waits in ((ours, True), (theirs, False)):
            with unit_of_work() as session:
                session.execute(delete(RecommendationFit))
                session.add(RecommendationFit(method="counts", owner=owner))
            assert (fitting.fit_by_night(SYSTEM) is None) is waits

    def test_one_with_more_ratings_than_the_shop_has_is_kept_by_night(
        self, shelf: list[int], caplog: pytest.LogCaptureFixture
    ) -> None:
        fitting.fit(SYSTEM, "counts")
        for ratings, is_kept in ((15, True), (14, False)):  # each of seven bought two books
            with unit_of_work() as session:
                session.execute(update(RecommendationFit).values(ratings=ratings))
            with caplog.at_level("INFO", "bookstore"):
                assert (fitting.fit_by_night(SYSTEM) is None) is is_kept
            assert vars(caplog.records[-1]).get("own") == (14 if is_kept else None)

    def test_one_that_was_given_up_shows_nothing(self, shelf: list[int]) -> None:
        def give_up() -> None:
            with db.engine.begin() as connection:
                connection.execute(update(RecommendationFit).values(state="failed"))

        # It looks for what is sold most once its row is there.
        with at("ORDER BY books.sold DESC", give_up), pytest.raises(errors.FitRunning):
            fitting.fit(SYSTEM, "counts")
        assert top(shelf[0]) is None

    def test_an_empty_shop(self, app: Flask) -> None:
        for method in METHODS:
            assert fitting.fit(SYSTEM, method).pairs == 0
