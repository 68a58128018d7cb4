"""What the search looks through follows the books; mistyped words; the real data set."""

from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import func, select, text

from bookstore.extensions import db
from bookstore.models import Author, Book, BookSearch
from bookstore.services import catalog_import, search, spelling
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.services.shelf import fill, first, titles

GOODBOOKS = Path(__file__).parents[3] / "shared/data/goodbooks"
needs_goodbooks = pytest.mark.skipif(
    not GOODBOOKS.is_dir(), reason="the goodbooks data set is not beside the repository"
)


@pytest.fixture
def shelf(app: Flask, tmp_path: Path) -> None:
    fill(tmp_path)


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
        def fail() -> None:
            with unit_of_work() as session:
                book = session.scalars(select(Book).where(Book.title == "Dune")).one()
                book.title = "Arrakis"
                session.flush()
                search.index_books(session, [book.id])
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
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


@pytest.mark.parametrize("word", ["py", "cat", "four", "tales", "potter", "кот", "мост"])
def test_no_neighbour_is_missed(app: Flask, word: str) -> None:
    letters, size = "abpzот", len(word)
    if word.isascii():
        letters = "abpz"
    near = {word[:i] + word[i + 1 :] for i in range(size)}
    near |= {word[:i] + c + word[i:] for i in range(size + 1) for c in letters}
    near |= {word[:i] + c + word[i + 1 :] for i in range(size) for c in letters}
    near |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(size - 1)}
    _add_book(" ".join(sorted(near)), "X")
    known = {term for term in near if len(term) > 1}
    assert set(spelling.neighbours(db.session(), [word])[word]) == known


def test_what_one_edit_makes() -> None:
    made = spelling.edits("teh")
    assert {"teh", "the", "eth", "te", "eh", "tech", "meh", "tehx"} <= made
    assert all(spelling.within_one_edit("teh", edit) for edit in made)
    assert len(made) == 1 + 3 + 2 + 3 * 25 + 4 * 25 + 1


@pytest.mark.parametrize(
    ("q", "title"),
    [
        ("hary potter", "Harry Potter and the Sorcerer's Stone"),
        ("hary poter", "Harry Potter and the Sorcerer's Stone"),
        ("teh hobbit", "The Hobbit"),
        ("to kil a mockingbird", "To Kill a Mockingbird"),
        ("life of py", "Life of Pi"),
        ("A gme of Thrones Martin", "A Game of Thrones"),
        ("ife of Pi Martel", "Life of Pi"),
    ],
)
def test_a_crowd_of_likelier_words_hides_no_book(app: Flask, q: str, title: str) -> None:
    # All of these are one edit away from a mistyped word, and lead nowhere.
    crowds = (
        "ary bary cary dary fary gary hairy hara hare hari hark harm hart harp hay hady haxy hazy",
        "th tea tee tel ten the eh meh kid kin kit kilt kiln kim ki il mil oil pol porter pouter",
        "py pa pb pc pd pe pf pg ph pj pk pl pm pn po pp pq pr ps pt pu pv pw px ply spy my by ty",
        "gem gm game gae gee gume gyme ice if fe wife rife knife lie lift live line like lire lite",
    )
    for crowd in crowds:
        _add_book(crowd, crowd.split()[0])
    _add_book("Harry Potter and the Sorcerer's Stone", "Rowling")
    _add_book("The Hobbit", "Tolkien")
    _add_book("To Kill a Mockingbird", "Lee")
    _add_book("Life of Pi", "Martel")
    _add_book("A Game of Thrones", "Martin")
    assert first(q) == title
    assert title in [row["title"] for row in search.suggest(q)]


def _add_book(title: str, author_name: str) -> None:
    with unit_of_work() as session:
        author = Author(first_name="", last_name=author_name)
        session.add(author)
        session.flush()
        book = Book(title=title, price=1, sku=author_name, author_id=author.id)
        session.add(book)
        session.flush()
        search.index_books(session, [book.id])


@needs_goodbooks
@pytest.mark.faults
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
        "hary potter": "Harry Potter and the Sorcerer's Stone (Harry Potter, #1)",
        "hary poter": "Harry Potter and the Sorcerer's Stone (Harry Potter, #1)",
        "teh hobbit": "The Hobbit",
        "to kil a mockingbird": "To Kill a Mockingbird",
        "life of py": "Life of Pi",
        "A gme of Thrones Martin": "A Game of Thrones (A Song of Ice and Fire, #1)",
        "ife of Pi Martel": "Life of Pi",
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
