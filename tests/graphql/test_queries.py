"""What can be read, and in how many statements."""

from flask import Flask
from graphql import get_named_type
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.graphql.schema import schema
from bookstore.models import User
from bookstore.services import reviews
from tests.clients import statements
from tests.factories import (
    make_author,
    make_book,
    make_category,
    make_user,
    new_book,
    reader_and_clerk,
)
from tests.graphql.conftest import ADD, CAMEL, PLACE, Graph

ALL_BOOKS = """
query {
  allBooks {
    id
    title
    author {
      fullName
    }
    price
  }
}
"""
ONE_BOOK = """
query {
  book(id: 1) {
    title
    author {
      firstName
      lastName
    }
    reviews {
      rating
      comment
    }
  }
}
"""
TWENTY = """
{ allBooks(limit: 20) {
    id title price author { fullName biography birthDate }
    reviews { rating comment user { username } } } }
"""


def stocked(shop: Flask, count: int, reviewers: int = 0) -> list[int]:
    with shop.app_context():
        books = [make_book(f"Volume {n}", isbn=None).id for n in range(count)]
        for _ in range(reviewers):
            user = make_user()
            for book_id in books:
                reviews.post(user, book_id, 4, comment=f"by {user.username}")
    return books


def test_the_queries_of_the_tutorial(shop: Flask, guest: Graph) -> None:
    (book_id,) = stocked(shop, 1, reviewers=2)
    (found,) = guest.ask(ALL_BOOKS)["allBooks"]
    assert found == {
        "id": book_id,
        "title": "Volume 0",
        "author": {"fullName": "Ursula Le Guin"},
        "price": "19.99",
    }
    one = guest.ask(ONE_BOOK.replace("id: 1", f"id: {book_id}"))["book"]
    assert one["author"] == {"firstName": "Ursula", "lastName": "Le Guin"}
    assert [review["rating"] for review in one["reviews"]] == [4, 4]
    assert guest.ask("{ book(id: 999999) { title } author(id: 999999) { fullName } }") == {
        "book": None,
        "author": None,
    }


def test_twenty_books_with_authors_and_reviews_take_three_statements(
    shop: Flask, guest: Graph
) -> None:
    stocked(shop, 22, reviewers=3)
    guest.ask(TWENTY)
    with statements(shop) as found:
        books = guest.ask(TWENTY)["allBooks"]
    assert len(books) == 20
    assert all(len(book["reviews"]) == 3 for book in books)
    assert len(found) <= 3, found


def test_everything_of_a_book(shop: Flask, guest: Graph) -> None:
    with shop.app_context():
        first, second = make_author("Terry", "Pratchett"), make_author("Neil", "Gaiman")
        book = make_book(
            "Good Omens",
            author_ids=[first.id, second.id],
            category_ids=[make_category("Fantasy").id],
            cover_url="https://covers.example/1.jpg",
            publication_date=None,
        )
    query = """query($id: Int!) { book(id: $id) {
        subtitle isbn description pages language status currency stockState publicationDate
        averageRating reviewCount coverImage cover { url thumbnailUrl } createdAt updatedAt
        authors { lastName } categories { name slug } publisher { name } } }"""
    found = guest.ask(query, id=book.id)["book"]
    assert [author["lastName"] for author in found["authors"]] == ["Pratchett", "Gaiman"]
    assert found["categories"] == [{"name": "Fantasy", "slug": "fantasy"}]
    assert found["publisher"] is None
    assert found["coverImage"] == "https://covers.example/1.jpg"
    assert found["createdAt"].endswith("Z")
    assert (found["status"], found["stockState"]) == ("available", "in_stock")
    of_author = "query($id: Int!) { author(id: $id) { booksCount books { title } } }"
    assert guest.ask(of_author, id=second.id)["author"] == {
        "booksCount": 1,
        "books": [{"title": "Good Omens"}],
    }
    by = "query($id: Int!) { booksByAuthor(authorId: $id) { title } }"
    assert guest.ask(by, id=second.id) == {"booksByAuthor": [{"title": "Good Omens"}]}
    names = [
        author["lastName"] for author in guest.ask("{ allAuthors { lastName } }")["allAuthors"]
    ]
    assert names == ["Gaiman", "Pratchett"]


def test_books_of_many_authors_are_the_newest_of_each(shop: Flask, guest: Graph) -> None:
    with shop.app_context():
        authors = [make_author("A", name) for name in ("One", "Two")]
        for n in range(4):
            for author in authors:
                make_book(f"{author.last_name} {n}", author_id=author.id)
    with statements(shop) as found:
        answer = guest.ask("{ allAuthors { booksCount books(first: 2) { title } } }")
    assert [author["booksCount"] for author in answer["allAuthors"]] == [4, 4]
    assert [book["title"] for author in answer["allAuthors"] for book in author["books"]] == [
        "One 3",
        "One 2",
        "Two 3",
        "Two 2",
    ]
    assert len(found) == 3, found


def test_a_connection_is_walked_to_its_end(shop: Flask, guest: Graph) -> None:
    wanted = stocked(shop, 7)
    query = """query($after: String) { books(first: 3, after: $after) {
        totalCount edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    found, after, pages = [], None, 0
    while True:
        page = guest.ask(query, after=after)["books"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        assert page["totalCount"] == 7
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        after, pages = page["pageInfo"]["endCursor"], pages + 1
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert pages == 3
    assert found == wanted[::-1]
    # From the middle of a page, too.
    middle = guest.ask(query, after=None)["books"]["edges"][1]["cursor"]
    assert guest.ask(query, after=middle)["books"]["edges"][0]["node"]["id"] == wanted[-3]


def test_pages_that_nobody_counts_are_not_counted(shop: Flask, guest: Graph) -> None:
    stocked(shop, 2)
    with statements(shop) as found:
        guest.ask("{ books { edges { node { title } } } }")
    assert len(found) == 1
    with statements(shop) as found:
        guest.ask("{ books { ...F } } fragment F on BookConnection { totalCount }")
    assert len(found) == 2


def test_search_and_order(shop: Flask, guest: Graph) -> None:
    new_book(shop, title="Zoology")
    new_book(shop, title="Algebra")
    search = "query($q: String) { books(q: $q) { edges { node { title } } } }"
    assert guest.ask(search, q="zoolgy")["books"]["edges"][0]["node"]["title"] == "Zoology"
    by_title = '{ books(sort: "title") { edges { node { title } } } }'
    titles = [edge["node"]["title"] for edge in guest.ask(by_title)["books"]["edges"]]
    assert titles == ["Algebra", "Zoology"]


def test_what_is_ones_own(shop: Flask, guest: Graph, reader: Graph) -> None:
    book_id = new_book(shop, title="Mine", price=700)
    assert guest.ask("{ me { username } cart { totalItems subtotal items { quantity } } }") == {
        "me": None,
        "cart": {"totalItems": 0, "subtotal": "0.00", "items": []},
    }
    reader.ask(
        "mutation($b: Int!) { addToCart(bookId: $b, quantity: 2) { cart { totalItems } } }",
        b=book_id,
    )
    found = reader.ask(
        """{ me { username email isStaff createdAt }
             cart { subtotal currency items { quantity unitPrice lineTotal priceChangedFrom
                    book { title author { lastName } } } }
             wishlist { items { notes } }
             orders { totalCount edges { node { number } } } order(id: 1) { number } }"""
    )
    with shop.app_context():
        user = db.session.scalar(select(User).where(User.username == found["me"]["username"]))
        assert user is not None
        assert found["me"]["email"] == user.email
    assert found["cart"]["subtotal"] == "14.00"
    assert found["cart"]["items"][0]["book"] == {"title": "Mine", "author": {"lastName": "Le Guin"}}
    assert found["wishlist"] == {"items": []}
    assert found["orders"] == {"totalCount": 0, "edges": []}
    assert found["order"] is None


def test_what_needs_a_login_says_so(guest: Graph) -> None:
    for query in ("{ orders { totalCount } }", "{ wishlist { items { notes } } }"):
        error = guest.refused(query, "unauthenticated")
        assert error["path"]


def test_anothers_order_is_none(shop: Flask, people: tuple[Graph, Graph]) -> None:
    reader, clerk = people
    book_id = new_book(shop)
    reader.ask(ADD, book=book_id)
    order_id = reader.ask(PLACE, address=CAMEL)["placeOrder"]["order"]["id"]
    other = Graph(reader_and_clerk(shop)[0])
    query = "query($id: Int!) { order(id: $id) { number } }"
    assert other.ask(query, id=order_id) == {"order": None}
    assert clerk.ask(query, id=order_id)["order"] is not None


def test_a_cursor_of_another_list_is_named_as_the_argument(guest: Graph, reader: Graph) -> None:
    for query, asking in (
        ('{ books(after: "zzz") { edges { cursor } } }', guest),
        ('{ orders(after: "zzz") { edges { cursor } } }', reader),
    ):
        error = asking.refused(query, "validation_failed")
        assert list(error["extensions"]["errors"]) == ["after"]


def test_addresses_are_told_to_their_owners_only() -> None:
    """The tutorial's authors showed their mail addresses, and so did whoever wrote a review."""
    types = {
        name: kind for name, kind in schema._schema.type_map.items() if hasattr(kind, "fields")
    }
    assert {name for name, kind in types.items() if "email" in kind.fields} == {"User"}
    showing = {
        (name, field)
        for name, kind in types.items()
        for field, shown in kind.fields.items()
        if get_named_type(shown.type).name == "User"
    }
    assert showing == {("Query", "me")}
