"""What hangs on objects is loaded by levels: as many statements for many as for a few."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from bookstore.extensions import db
from bookstore.services import catalog_records, reviews
from bookstore.services.actors import SYSTEM
from tests.clients import ok, statements
from tests.factories import make_author, make_book, make_category, make_user
from tests.graphql.conftest import ADD, CAMEL, PLACE, Graph

HANGING = """title price author { fullName booksCount books(first: 2) { title } }
    authors { lastName } categories { name } publisher { name }
    reviews(first: 2) { rating user { username } book { title author { lastName } } }"""
QUERIES = {
    "books": f"{{ allBooks(limit: 10) {{ {HANGING} }} }}",
    "authors": f"{{ allAuthors(limit: 10) {{ booksCount books(first: 2) {{ {HANGING} }} }} }}",
    "a page": f"{{ books(first: 10) {{ edges {{ node {{ {HANGING} }} }} }} }}",
    "a cart": f"{{ cart {{ items {{ book {{ {HANGING} }} }} }} }}",
    "a wishlist": f"{{ wishlist {{ items {{ book {{ {HANGING} }} }} }} }}",
    "orders": f"{{ orders(first: 9) {{ edges {{ node {{ items {{ book {{ {HANGING} }} }} }} }} }} "
    "}",
}
WISH = "mutation($book: Int!) { addToWishlist(bookId: $book) { wishlist { items { notes } } } }"


def grow(shop: Flask, reader: Graph, names: tuple[str, ...]) -> None:
    """Make books with authors, shelves and publishers of their own and with reviews; put them on
    the wishlist, order them two by two and put them in the cart."""
    with shop.app_context():
        people = [make_user() for _ in range(3)]
        found = []
        for name in names:
            publisher = catalog_records.create_record(
                SYSTEM, catalog_records.PUBLISHERS, {"name": f"House {name}"}
            )
            book = make_book(
                name,
                isbn=None,
                author_ids=[make_author("A", name).id, make_author("B", name).id],
                category_ids=[make_category(f"Shelf {name}").id],
                publisher_id=publisher.id,
            )
            for rating, person in enumerate(people, start=1):
                reviews.post(person, book.id, rating)
            found.append(book.id)
    for place, book_id in enumerate(found):
        reader.ask(WISH, book=book_id)
        reader.ask(ADD, book=book_id)
        if place % 2:
            reader.ask(PLACE, address=CAMEL)
    for book_id in found:
        reader.ask(ADD, book=book_id)


def test_as_many_statements_for_many_as_for_a_few(shop: Flask, reader: Graph) -> None:
    counts: list[dict[str, int]] = []
    for names in (("One", "Two"), ("Three", "Four", "Five", "Six")):
        grow(shop, reader, names)
        counts.append({})
        for what, query in QUERIES.items():
            with statements(shop) as found:
                reader.ask(query)
            counts[-1][what] = len(found)
    assert counts[0] == counts[1]
    # Who asks; books; the first author, how many books they wrote and which; who and which shelves
    # hang on the books; all authors, publishers, reviews, and the books that these are of.
    assert counts[0]["books"] == 10


def test_each_gets_what_is_its_own(shop: Flask, reader: Graph) -> None:
    grow(shop, reader, ("One", "Two", "Three"))
    found = reader.ask(QUERIES["books"])["allBooks"]
    assert [book["title"] for book in found] == ["Three", "Two", "One"]
    for book in found:
        name = book["title"]
        assert book["author"] == {
            "fullName": f"A {name}",
            "booksCount": 1,
            "books": [{"title": name}],
        }
        assert book["authors"] == [{"lastName": name}, {"lastName": name}]
        assert book["categories"] == [{"name": f"Shelf {name}"}]
        assert book["publisher"] == {"name": f"House {name}"}
        # Three were written: the newest two.
        assert [review["rating"] for review in book["reviews"]] == [3, 2]
        for review in book["reviews"]:
            assert review["book"] == {"title": name, "author": {"lastName": name}}
    items = reader.ask(QUERIES["orders"])["orders"]["edges"][0]["node"]["items"]
    assert [item["book"]["title"] for item in items] == ["One", "Two"]


def test_the_same_field_with_other_arguments_is_another(shop: Flask, reader: Graph) -> None:
    grow(shop, reader, ("One", "Two"))
    sizes = "{ allBooks { one: reviews(first: 1) { rating } all: reviews { rating } } }"
    for book in reader.ask(sizes)["allBooks"]:
        assert [[r["rating"] for r in book[name]] for name in ("one", "all")] == [[3], [3, 2, 1]]


def test_a_mutation_makes_what_follows_load_anew(shop: Flask, reader: Graph) -> None:
    grow(shop, reader, ("One",))
    with shop.app_context():
        (book,) = db.session.execute(db.text("SELECT id FROM books")).one()
    query = """mutation($b: Int!) {
        addToCart(bookId: $b) { cart { items { book { ...Told } } } }
        postReview(bookId: $b, rating: 4) { review { book { ...Told } } } }
        fragment Told on Book { reviewCount reviews { rating } }"""
    found = reader.ask(query, b=book)
    before, after = [3, 2, 1], [4, 3, 2, 1]
    (item,) = found["addToCart"]["cart"]["items"]
    for shown, ratings in ((item, before), (found["postReview"]["review"], after)):
        assert shown["book"]["reviewCount"] == len(ratings)
        assert [review["rating"] for review in shown["book"]["reviews"]] == ratings


@contextmanager
def broken(app: Flask, words: str) -> Iterator[list[str]]:
    """Let the database refuse every statement with these words; return those that were sent."""
    sent: list[str] = []

    def refuse(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if words in statement:
            sent.append(statement)
            raise ConnectionError(words)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", refuse)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", refuse)


def test_what_cannot_be_loaded_is_tried_once(shop: Flask, reader: Graph) -> None:
    grow(shop, reader, ("One", "Two", "Three"))
    with broken(shop, "FROM publishers") as sent:
        answer = ok(reader.send("{ allBooks { title publisher { name } } }"))
    assert len(sent) == 1
    assert [book["publisher"] for book in answer["data"]["allBooks"]] == [None] * 3
    codes = [error["extensions"]["code"] for error in answer["errors"]]
    assert codes == ["internal_error"] * 3
    assert [error["path"] for error in answer["errors"]] == [
        ["allBooks", place, "publisher"] for place in range(3)
    ]
