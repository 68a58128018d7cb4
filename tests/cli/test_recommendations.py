"""``flask recommendations``."""

import gzip
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import BookNeighbour, RecommendationFit
from tests.cli.test_commands import run
from tests.factories import make_book
from tests.services.test_recommending import planted

COLUMNS = (
    "book_id,goodreads_book_id,isbn,authors,original_publication_year,title,language_code,"
    "ratings_count,image_url"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Ratings of books 1000 to 1119, and what three of them are."""
    likes = planted()
    rows = zip(likes.readers, likes.books, likes.stars, strict=True)
    text = "\n".join(["user_id,book_id,rating", *(f"{u},{b},{s}" for u, b, s in rows), "1,x,9"])
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress(text.encode()))
    books = [f"{n},{n}7,,Somebody,1999.0,Book {n},eng,5," for n in (1000, 1001, 1050)]
    (tmp_path / "books.csv").write_text("\n".join([COLUMNS, *books]))
    return tmp_path / "ratings.csv.gz"


def test_ratings_from_elsewhere_are_of_the_shops_books(app: Flask, files: Path) -> None:
    first, second, third = (make_book(sku=f"goodreads:{n}7").id for n in (1000, 1001, 1050))
    result = run(app, "recommendations", "fit", "--ratings", str(files))
    assert result.exit_code == 0, result.output
    known = sum(book in {1000, 1001, 1050} for book in planted().books)
    other = len(planted()) - known
    assert f"{known} ratings read, {other} of books that the shop has not, 1 rows bad" in (
        result.output
    )
    assert "ease: " in result.output
    assert db.session.scalar(select(RecommendationFit.ratings)) == known
    pairs = {
        (row.book_id, row.neighbour_id) for row in db.session.query(BookNeighbour).filter_by(rank=1)
    }
    assert {(first, second), (second, first)} <= pairs
    assert third not in {neighbour for book, neighbour in pairs if book in {first, second}}


def test_without_a_file_it_is_the_shops_own(app: Flask) -> None:
    make_book()
    for method in ("ease", "counts"):
        result = run(app, "recommendations", "fit", "--method", method)
        assert result.exit_code == 0, result.output
        assert f"{method}: 0 pairs of 1 books, by 0 readers, in " in result.output


def test_evaluate_needs_nothing_of_the_shop(app: Flask, files: Path) -> None:
    result = run(app, "recommendations", "evaluate", "--ratings", str(files), "--splits", "2")
    assert result.exit_code == 0, result.output
    head, *rows = [line.split() for line in result.output.splitlines()]
    assert head == ["method", "NDCG@10", "recall@10", "coverage", "seconds"]
    assert [row[0] for row in rows] == ["most", "counts", "ease"]
    assert float(rows[2][1]) > 3 * float(rows[0][2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "is empty"),
        ("user_id,book_id\n1,2\n", "rating: is a column that the file lacks"),
        ("user_id,book_id,rating\n1,2,9\n", "ratings: no row has"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "evaluate"])
@pytest.mark.parametrize("database", ["sqlite"])
def test_a_bad_file(
    app: Flask, tmp_path: Path, command: str, content: str | None, said: str, database: str
) -> None:
    path = tmp_path / "some.csv"
    if content is not None:
        path.write_text(content)
    result = run(app, "recommendations", command, "--ratings", str(path))
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_does_not_go_together(app: Flask, tmp_path: Path, database: str) -> None:
    path = tmp_path / "some.csv"
    path.write_text("user_id,book_id,rating\n1,2,5\n")
    for arguments, said in (
        (("fit", "--ratings", str(path)), "books: needed"),
        (("fit", "--ratings", str(path), "--method", "counts"), "needs"),
        (("evaluate", "--ratings", str(path)), "of more than 10 books"),
        (("evaluate",), "of more than 10 books"),
    ):
        result = run(app, "recommendations", *arguments)
        assert result.exit_code == 1
        assert said in result.output
