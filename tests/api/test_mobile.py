"""What phones rely on: small lists and details, asked for again at the price of a few headers."""

from itertools import product

import pytest
from flask import Flask

from bookstore.extensions import db
from tests.clients import Client, ok
from tests.factories import make_author, make_book, reader_and_clerk

# As long as they really are: the twenty most read of goodbooks-10k, with covers as it has them.
BOOKS = [
    ("The Hunger Games (The Hunger Games, #1)", "Suzanne Collins"),
    ("Harry Potter and the Sorcerer's Stone (Harry Potter, #1)", "J.K. Rowling"),
    ("Twilight (Twilight, #1)", "Stephenie Meyer"),
    ("To Kill a Mockingbird", "Harper Lee"),
    ("The Great Gatsby", "F. Scott Fitzgerald"),
    ("The Fault in Our Stars", "John Green"),
    ("The Hobbit", "J.R.R. Tolkien"),
    ("The Catcher in the Rye", "J.D. Salinger"),
    ("Angels & Demons (Robert Langdon, #1)", "Dan Brown"),
    ("Pride and Prejudice", "Jane Austen"),
    ("The Kite Runner", "Khaled Hosseini"),
    ("Divergent (Divergent, #1)", "Veronica Roth"),
    ("1984", "George Orwell"),
    ("Animal Farm", "George Orwell"),
    ("The Diary of a Young Girl", "Anne Frank"),
    ("The Girl with the Dragon Tattoo (Millennium, #1)", "Stieg Larsson"),
    ("Catching Fire (The Hunger Games, #2)", "Suzanne Collins"),
    ("Harry Potter and the Prisoner of Azkaban (Harry Potter, #3)", "J.K. Rowling"),
    ("The Fellowship of the Ring (The Lord of the Rings, #1)", "J.R.R. Tolkien"),
    ("Mockingjay (The Hunger Games, #3)", "Suzanne Collins"),
]


@pytest.fixture
def book(shop: Flask) -> int:
    """Put the books on sale; return the id of the last."""
    with shop.app_context():
        for number, (title, author) in enumerate(BOOKS):
            first, last = author.rsplit(" ", 1)
            made = make_book(
                title,
                author_id=make_author(first, last).id,
                isbn=None,
                price=12_99,
                cover_url=f"https://images.gr-assets.com/books/{1447303603 + number}m/2767052.jpg",
                description="long " * 400,
            )
            made.rating_sum, made.rating_count = 434, 100
            db.session.commit()
        return made.id


def test_twenty_books_with_covers_are_below_four_kilobytes(client: Client, book: int) -> None:
    answer = client.get("/books?view=mobile&limit=20")
    books = ok(answer)["data"]
    assert len(books) == 20
    assert books[0]["thumbnail"].startswith("https://images.gr-assets.com/")
    assert books[0]["average_rating"] is not None
    assert len(answer.data) < 4096


def test_each_view_in_each_encoding_is_asked_for_again_for_nothing(
    client: Client, book: int
) -> None:
    tags = set()
    paths = [
        "/books",
        f"/books/{book}",
        "/books?view=mobile",
        f"/books/{book}?view=mobile",
        "/books?fields=id,title",
        f"/books/{book}?fields=id,description",
        "/api/v1/books/",
        f"/api/v1/books/{book}/",
    ]
    for path, encoding in product(paths, ("br", "gzip", "identity")):
        first = client.get(path, Accept_Encoding=encoding)
        tag = first.headers["ETag"]
        assert not tag.startswith("W/")
        again = client.get(path, Accept_Encoding=encoding, If_None_Match=tag)
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        # A detail for a phone is too short to be compressed: one tag, whatever is accepted.
        short = path.endswith(f"{book}?view=mobile")
        found = first.headers.get("Content-Encoding", "identity")
        assert found == ("identity" if short else encoding), path
        tags.add(tag)
    assert len(tags) == 3 * (len(paths) - 1) + 1


def test_a_change_is_seen_in_each_of_them(shop: Flask, client: Client, book: int) -> None:
    paths = [f"/books/{book}?view=mobile", f"/books/{book}?fields=price", "/books?view=mobile"]
    tags = {path: client.get(path).headers["ETag"] for path in paths}
    _, clerk = reader_and_clerk(shop)
    ok(clerk.patch(f"/books/{book}", {"price": "1.00"}, If_Match="*"))
    for path, tag in tags.items():
        answer = client.get(path, If_None_Match=tag)
        assert answer.status_code == 200
        assert '"price":"1.00"' in answer.get_data(as_text=True)
