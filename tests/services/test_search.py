"""Search: what is found, in which order, on both databases."""

from collections.abc import Callable
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select, text

from bookstore.extensions import db
from bookstore.models import Author, Book, BookSearch
from bookstore.services import catalog_import, search, spelling
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work

GOODBOOKS = Path(__file__).parents[3] / "shared/data/goodbooks"
needs_goodbooks = pytest.mark.skipif(
    not GOODBOOKS.is_dir(), reason="the goodbooks data set is not beside the repository"
)

SHELF = """\
title,authors,price,isbn,sku
"The Hunger Games (The Hunger Games, #1)",Suzanne Collins,9.99,9780439023481,
Catching Fire (The Hunger Games #2),Suzanne Collins,9.99,9780439023498,
The Hobbit: There and Back Again,J.R.R. Tolkien;Alan Lee,9.99,,
Cien años de soledad,Gabriel García Márquez,9.99,,
Ender's Game,Orson Scott Card,9.99,,
Nineteen Eighty-Four / 1984,George Orwell,9.99,,BIG-84
The The,Band And Near,9.99,,
Dune,Frank Herbert,9.99,,
Dune Messiah,Frank Herbert,9.99,,
"""


@pytest.fixture
def shelf(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "shelf.csv"
    path.write_text(SHELF)
    assert catalog_import.import_file(SYSTEM, path).created == 9


def titles(q: str) -> list[str]:
    hits = search.matches(q)
    if hits is None:
        return []
    query = select(Book.title, hits.c.score).join(hits, hits.c.book_id == Book.id)
    rows = db.session.execute(query.order_by(hits.c.score.desc(), hits.c.book_id)).all()
    assert all(type(row.score) is int for row in rows)
    return [row.title for row in rows]


def first(q: str) -> str:
    return (titles(q) or [""])[0]


@pytest.mark.usefixtures("shelf")
class TestFinding:
    @pytest.mark.parametrize(
        ("q", "title"),
        [
            ("hunger games", "The Hunger Games (The Hunger Games, #1)"),
            ("HUNGER  Games!", "The Hunger Games (The Hunger Games, #1)"),
            ("catching games", "Catching Fire (The Hunger Games #2)"),
            ("garcia marquez anos", "Cien años de soledad"),
            ("GARCÍA soledad", "Cien años de soledad"),
            ("enders game", "Ender's Game"),
            ("ender’s game", "Ender's Game"),
            ("jrr tolkien", "The Hobbit: There and Back Again"),
            ("j.r.r. tolk", "The Hobbit: There and Back Again"),
            ("alan lee", "The Hobbit: There and Back Again"),
            ("the hobbit", "The Hobbit: There and Back Again"),
            ("1984", "Nineteen Eighty-Four / 1984"),
            ("big-84", "Nineteen Eighty-Four / 1984"),
            ("the", "The The"),
            ("and near", "The The"),
            ("dune", "Dune"),
        ],
    )
    def test_finds_first(self, q: str, title: str) -> None:
        assert first(q) == title

    @pytest.mark.parametrize(
        "q", ["hobit", "hobbitt", "hobbyt", "hobibt", "tolkein hobbit", "ohbbit", "hunger tolkien"]
    )
    def test_one_letter_may_be_wrong(self, q: str) -> None:
        expected = [] if q == "hunger tolkien" else ["The Hobbit: There and Back Again"]
        assert titles(q) == expected

    def test_not_two_letters_nor_in_short_words_or_numbers(self) -> None:
        assert titles("hobttt") == []
        assert titles("dnu") == []
        assert titles("1985") == []

    def test_only_the_last_word_may_be_a_beginning(self) -> None:
        assert titles("hun gam") == []
        assert len(titles("hunger gam")) == 2

    def test_other_spellings_do_not_crowd_the_right_one(self) -> None:
        assert titles("dune") == ["Dune", "Dune Messiah"]

    @pytest.mark.parametrize(
        "q", ["9780439023481", "978-0-439-02348-1", "0439023483", "0-439-02348-3", "ISBN 0439023483"]
    )
    def test_an_isbn_finds_its_book(self, q: str) -> None:
        assert titles(q) == ["The Hunger Games (The Hunger Games, #1)"]

    @pytest.mark.parametrize("q", ["", "   ", "*", "-", "'\"", "😀", "\0", "(((", "&|!:*<->", "_"])
    def test_nothing_to_look_for(self, q: str) -> None:
        assert search.matches(q) is None
        assert search.suggest(q) == []

    @pytest.mark.parametrize(
        "q",
        [
            '"hunger games"',
            "hunger:* & games",
            "hunger\0games",
            "-hunger^ games*",
            "(hunger) {games}",
        ],
    )
    def test_syntax_means_nothing(self, q: str) -> None:
        assert len(titles(q)) == 2

    @pytest.mark.parametrize(
        "q", ["NEAR(hunger games, 2)", "hunger AND OR NOT", "x" * 500, "ab " * 300, "'; DROP TABLE"]
    )
    def test_hostile_text_finds_nothing(self, q: str) -> None:
        assert titles(q) == []

    @settings(max_examples=60, deadline=None)
    @given(q=st.text(max_size=60))
    def test_any_text_is_survived(self, q: str) -> None:
        titles(q)
        search.suggest(q)

    def test_every_word_of_the_first_eight_must_match(self) -> None:
        assert len(titles("hunger games suzanne collins")) == 2
        assert titles("hunger games orwell") == []
        many = "hunger games suzanne collins 9780439023481 0439023483 the games hunger"
        assert len(titles(many)) == 1

    def test_pages_continue_by_score_and_id(self) -> None:
        hits = search.matches("a") if titles("a") else search.matches("dune")
        assert hits is not None
        order = (hits.c.score.desc(), hits.c.book_id)
        everything = db.session.execute(select(hits).order_by(*order)).all()
        for last in everything:
            after = (hits.c.score < last.score) | (
                (hits.c.score == last.score) & (hits.c.book_id > last.book_id)
            )
            rest = db.session.execute(select(hits).where(after).order_by(*order)).all()
            assert rest == everything[everything.index(last) + 1 :]

    def test_readers_decide_between_equals(self) -> None:
        with unit_of_work() as session:
            book = session.scalars(select(Book).where(Book.title.startswith("Catching"))).one()
            book.sold = 5000
            session.flush()
            search.index_books(session, [book.id])
        assert first("suzanne collins") == book.title
        assert search.suggest("coll")[0]["id"] == book.id


@pytest.mark.usefixtures("shelf")
class TestSuggestions:
    def test_shape(self) -> None:
        found = search.suggest("the hob")
        assert found == [
            {
                "id": found[0]["id"],
                "title": "The Hobbit: There and Back Again",
                "author_name": "J.R.R. Tolkien",
            }
        ]

    def test_by_author_and_by_typo(self) -> None:
        assert [row["title"] for row in search.suggest("herb")] == ["Dune", "Dune Messiah"]
        assert [row["title"] for row in search.suggest("tolkein")] == [
            "The Hobbit: There and Back Again"
        ]
        assert len(search.suggest("d", limit=1)) == 1

    def test_few_statements(self) -> None:
        assert _statements(lambda: search.suggest("dun")) == 1
        assert _statements(lambda: search.suggest("tolkein")) == 3
        assert _statements(lambda: search.matches("dune")) == 1
        assert _statements(lambda: search.matches("tolkein")) <= 3


@pytest.mark.usefixtures("shelf")
class TestIndex:
    def test_follows_changes(self) -> None:
        with unit_of_work() as session:
            book = session.scalars(select(Book).where(Book.title == "Dune")).one()
            book.title = "Arrakis"
            author = Author(first_name="Kevin", last_name="Anderson")
            session.add(author)
            session.flush()
            book.author_id = author.id
            session.flush()
            search.index_books(session, [book.id])
        assert titles("dune") == ["Dune Messiah"]
        assert titles("arrakis anderson") == ["Arrakis"]
        assert titles("arakis") == ["Arrakis"]

    def test_forgets_deleted_books_even_when_their_id_comes_back(self) -> None:
        with unit_of_work() as session:
            last = session.scalars(select(Book).order_by(Book.id.desc())).first()
            assert last is not None
            values = {"price": last.price, "sku": "new", "author_id": last.author_id}
            session.delete(last)
            session.flush()
            assert session.scalar(select(func.count()).select_from(BookSearch)) == 8
            session.add(Book(id=last.id, title="Emma", **values))
            session.flush()
            search.index_books(session, [last.id])
        assert titles("messiah") == []
        assert titles("emma") == ["Emma"]

    def test_is_rolled_back_with_the_rest(self) -> None:
        with pytest.raises(RuntimeError), unit_of_work() as session:
            book = session.scalars(select(Book).where(Book.title == "Dune")).one()
            book.title = "Arrakis"
            session.flush()
            search.index_books(session, [book.id])
            raise RuntimeError
        assert titles("arrakis") == []
        assert titles("dune") == ["Dune", "Dune Messiah"]

    def test_reindex_finds_everything_again(self) -> None:
        with unit_of_work() as session:
            session.execute(text("DELETE FROM book_search"))
        assert titles("dune") == []
        assert search.reindex(SYSTEM) == 9
        assert titles("dune") == ["Dune", "Dune Messiah"]


def test_migrations_go_down_and_up_and_leave_no_difference(app: Flask) -> None:
    db.session.remove()
    flask_migrate.downgrade(revision="0001")
    flask_migrate.upgrade()
    flask_migrate.check()
    # Pooled connections hold plans of the tables as they were.
    db.engine.dispose()


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("gatsby", "gatsby", True),
        ("gatsbi", "gatsby", True),
        ("gatby", "gatsby", True),
        ("gatsbyy", "gatsby", True),
        ("gastby", "gatsby", True),
        ("agtsby", "gatsby", True),
        ("gatsyb", "gatsby", True),
        ("gtasyb", "gatsby", False),
        ("gabsty", "gatsby", False),
        ("gat", "gatsby", False),
        ("", "a", True),
        ("", "ab", False),
    ],
)
def test_one_edit(one: str, other: str, near: bool) -> None:
    assert spelling.within_one_edit(one, other) is near
    assert spelling.within_one_edit(other, one) is near


def test_no_neighbour_is_missed(app: Flask) -> None:
    word = "potter"
    letters = "abpz"
    near = {word[:i] + word[i + 1 :] for i in range(6)}
    near |= {word[:i] + c + word[i:] for i in range(7) for c in letters}
    near |= {word[:i] + c + word[i + 1 :] for i in range(6) for c in letters}
    near |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(5)}
    with unit_of_work() as session:
        author = Author(first_name="", last_name="X")
        session.add(author)
        session.flush()
        book = Book(title=" ".join(sorted(near)), price=1, sku="x", author_id=author.id)
        session.add(book)
        session.flush()
        search.index_books(session, [book.id])
    assert set(spelling.neighbours(db.session(), [word])[word]) == near


@needs_goodbooks
def test_the_right_book_comes_first_of_ten_thousand(app: Flask) -> None:
    report = catalog_import.import_file(
        SYSTEM,
        GOODBOOKS / "books.csv",
        "goodbooks",
        prices=GOODBOOKS / "prices.csv",
        genres=GOODBOOKS / "genres.csv.gz",
    )
    assert (report.created, report.bad) == (10_000, 0)
    expected = {
        "hunger games": "The Hunger Games (The Hunger Games, #1)",
        "tolkien hobbit": "The Hobbit",
        "tolkein hobbit": "The Hobbit",
        "harry poter": "Harry Potter and the Sorcerer's Stone (Harry Potter, #1)",
        "garcia marquez solitude": "One Hundred Years of Solitude",
        "pride prejudice": "Pride and Prejudice",
        "lord of the rings fellowship": "The Fellowship of the Ring (The Lord of the Rings, #1)",
        "gatsbi": "The Great Gatsby",
        "1984": "1984",
        "it": "It",
        "jane austen": "Pride and Prejudice",
        "0-439-02348-3": "The Hunger Games (The Hunger Games, #1)",
        "to kill a mockingbrid": "To Kill a Mockingbird",
        "shakespear hamlet": "Hamlet",
    }
    assert {q: first(q) for q in expected} == expected
    assert search.suggest("the hun")[0]["title"] == "The Hunger Games (The Hunger Games, #1)"
    again = catalog_import.import_file(
        SYSTEM, GOODBOOKS / "books.csv", "goodbooks", prices=GOODBOOKS / "prices.csv"
    )
    assert (again.created, again.updated, again.unchanged) == (0, 0, 10_000)
    book = db.session.scalars(select(Book).where(Book.isbn == "9780439023481")).one()
    assert (book.price, book.language, book.popularity) == (1250, "en", 4780653)
    assert str(book.publication_date) == "2008-01-01"
    assert {shelf.name for shelf in book.categories} >= {"Young Adult", "Science Fiction"}
    assert len(titles("harry potter")) > 5


def _statements(work: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)
