"""Search: what is found, in which order, on both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given, settings, strategies as st
from sqlalchemy import event, select

from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services import search
from bookstore.unit_of_work import unit_of_work
from tests.services.shelf import fill, first, titles


@pytest.fixture
def shelf(app: Flask, tmp_path: Path) -> None:
    fill(tmp_path)


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

    @pytest.mark.parametrize(
        ("q", "title"),
        [
            ("hungr gmaes", "The Hunger Games (The Hunger Games, #1)"),
            ("teh hobbit", "The Hobbit: There and Back Again"),
            ("th hobbit", "The Hobbit: There and Back Again"),
            ("hobbit alan le", "The Hobbit: There and Back Again"),
            ("hobbit laan lee", "The Hobbit: There and Back Again"),
            ("orson scott crd", "Ender's Game"),
            ("dnue", "Dune"),
            ("dne frnk", "Dune"),
            ("cie años", "Cien años de soledad"),
            ("bnad near", "The The"),
        ],
    )
    def test_short_words_too(self, q: str, title: str) -> None:
        assert first(q) == title

    def test_not_two_letters_nor_in_numbers(self) -> None:
        assert titles("hobttt") == []
        assert titles("dnu") == []
        assert titles("1985") == []

    def test_only_the_last_word_may_be_a_beginning(self) -> None:
        assert titles("hun gam") == []
        assert len(titles("hunger gam")) == 2

    def test_other_spellings_do_not_crowd_the_right_one(self) -> None:
        assert titles("dune") == ["Dune", "Dune Messiah"]

    @pytest.mark.parametrize(
        "q",
        ["9780439023481", "978-0-439-02348-1", "0439023483", "0-439-02348-3", "ISBN 0439023483"],
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
        found = search.matches("a") if titles("a") else search.matches("dune")
        assert found is not None
        hits = found.hits
        order = (hits.c.score.desc(), hits.c.book_id)
        everything = db.session.execute(select(hits).order_by(*order), found.values).all()
        for last in everything:
            after = (hits.c.score < last.score) | (
                (hits.c.score == last.score) & (hits.c.book_id > last.book_id)
            )
            rest = db.session.execute(
                select(hits).where(after).order_by(*order), found.values
            ).all()
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
        assert _statements(lambda: search.matches("tolkein")) == 4


def _statements(work: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)
