"""Lists of books: filters, orders, keyset pages."""

import base64
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore.extensions import redis_handle
from bookstore.models import Book
from bookstore.models.text import sort_key
from bookstore.services import catalog_records
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client, ok, problem
from tests.factories import log_in, make_author, make_book, make_category, make_user

START = datetime(2026, 1, 1, tzinfo=UTC)
OLDEST = date.min


def shelf() -> list[dict[str, Any]]:
    """Make 23 books in which every order has ties, and return what they sort by."""
    rows = []
    author = make_author()
    for number in range(23):
        row = {
            "title": f"{['The ', 'A ', ''][number % 3]}Star {'abcdÉz'[number % 6]}",
            "price": 1000 * (number % 4),
            "publication_date": None if number % 5 == 0 else date(1960 + number % 3, 1, 31),
        }
        book = make_book(**row, author_id=author.id)
        row |= {
            "id": book.id,
            "created_at": START + timedelta(microseconds=number // 4),
            "sold": number % 3,
            "rating_count": number % 2,
            "rating_sum": number % 2 * (1 + number % 5),
        }
        rows.append(row)
    write(rows)
    return rows


def write(rows: list[dict[str, Any]]) -> None:
    """Set what no service sets freely."""
    with unit_of_work() as session:
        for row in rows:
            # updated_at and the like stay; the cache knows nothing of this.
            session.execute(update(Book).where(Book.id == row["id"]).values(row))
    redis_handle.client.flushall()


KEYS = {
    "title": lambda row: sort_key(row["title"]),
    "price": lambda row: row["price"],
    "published": lambda row: row["publication_date"] or OLDEST,
    "created": lambda row: row["created_at"],
    "rating": lambda row: row["rating_sum"],
    "sales": lambda row: row["sold"],
}
SORTS = ["title", "-title", "price", "-price", "published", "-published"]
SORTS += ["-created", "-rating", "-sales"]


def walk(client: Client, path: str) -> list[list[int]]:
    """Follow the Link header to the end; return the ids of each page."""
    pages = []
    while path:
        answer = client.get(path)
        body = ok(answer)
        pages.append([book["id"] for book in body["data"]])
        link = answer.headers.get("Link")
        assert (link is None) == (body["next_cursor"] is None)
        path = ""
        if link is not None:
            path = re.fullmatch(r'<(/api/v2/books\?.*)>; rel="next"', link)[1]  # type: ignore[index]
    return pages


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_is_walked_whole(shop: Flask, client: Client, sort: str) -> None:
    with shop.app_context():
        rows = shelf()
    backwards = sort.startswith("-")
    key = KEYS[sort.removeprefix("-")]
    rows.sort(key=lambda row: (key(row), row["id"]), reverse=backwards)
    for limit in (1, 4, 100):
        pages = walk(client, f"/books?sort={sort}&limit={limit}&count=true")
        assert [i for page in pages for i in page] == [row["id"] for row in rows]
        assert all(len(page) == limit for page in pages[:-1])


def test_relevance_is_walked_whole(shop: Flask, client: Client) -> None:
    with shop.app_context():
        rows = shelf()
    for sort in ("", "&sort=relevance", "&sort=-price"):
        found = [i for page in walk(client, f"/books?q=star&limit=5{sort}") for i in page]
        assert len(found) == 23
        assert set(found) == {row["id"] for row in rows}
    assert ok(client.get("/books?q=star&count=true&limit=5"))["total"] == 23
    body = problem(client.get("/books?sort=relevance"), 422, "validation_failed")
    assert set(body["errors"]) == {"sort"}


@pytest.mark.parametrize("sort", SORTS)
def test_books_that_come_and_go_disturb_no_page(shop: Flask, client: Client, sort: str) -> None:
    with shop.app_context():
        rows = shelf()
        clerk = log_in(shop, make_user(is_staff=True))
    seen: list[int] = []
    path, changes = f"/books?sort={sort}&limit=6", 0
    while path:
        body = ok(client.get(path))
        seen += [book["id"] for book in body["data"]]
        with shop.app_context():
            for title, price in (("Aa", 0), ("Zz", 9_000_00), ("The Star c", 2000)):
                make_book(title, price=price, publication_date=date(1961, 1, 31))
        gone = seen[changes]
        assert clerk.delete(f"/books/{gone}").status_code == 204
        changes += 1
        cursor = body["next_cursor"] if changes < 20 else None
        path = f"/books?sort={sort}&limit=6&cursor={cursor}" if cursor else ""
    assert len(seen) == len(set(seen))
    assert {row["id"] for row in rows} <= set(seen)


def test_the_count_and_the_default_order(shop: Flask, client: Client) -> None:
    with shop.app_context():
        rows = shelf()
    body = ok(client.get("/books?count=true"))
    assert body["total"] == 23
    assert len(body["data"]) == 20
    newest = sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)
    assert [book["id"] for book in body["data"]] == [row["id"] for row in newest[:20]]
    assert "total" not in ok(client.get("/books"))
    assert ok(client.get("/books?q=nothinglikeit&count=1"))["total"] == 0


def test_a_cursor_of_the_longest_title(shop: Flask, client: Client) -> None:
    with shop.app_context():
        books = [make_book("\U00020000" * 499 + str(n)).id for n in range(3)]
    assert walk(client, "/books?sort=title&limit=1") == [[i] for i in books]


def coin(*parts: Any) -> str:
    """Return a cursor as only the shop should make it."""
    return base64.urlsafe_b64encode(json.dumps(list(parts)).encode()).decode().rstrip("=")


def test_cursors_that_the_shop_did_not_make(shop: Flask, client: Client) -> None:
    with shop.app_context():
        shelf()
    good = ok(client.get("/books?sort=price&limit=1"))["next_cursor"]
    cursors = [(sort, good) for sort in SORTS if sort != "price"]
    cursors += [
        (sort, cursor) for sort in SORTS for cursor in ("x", "é", "a" * 9000, "AAAA", "W10")
    ]
    for sort in SORTS:
        for value in (None, True, [], {}, 1.5, "", "\0", "x", 10**30):
            if not (sort.endswith("title") and value in ("", "x")):
                cursors.append((sort, coin(sort, value, 1)))
        cursors += [(sort, coin(sort, 1)), (sort, coin(sort, 1, 1, 1)), (sort, coin(sort, 1, "1"))]
        cursors += [(sort, coin(sort, 1, 10**30)), (sort, coin(sort, 1, None))]
    for instant in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01"):
        cursors.append(("-created", coin("-created", instant, 1)))
    for sort, cursor in cursors:
        body = problem(client.get(f"/books?sort={sort}&cursor={cursor}"), 422, "validation_failed")
        assert set(body["errors"]) == {"cursor"}, (sort, cursor)
    # Forged, but meaning something: an answer like any other.
    for sort in ("price", "-price", "-rating", "-sales"):
        for number in (2**63 - 1, 2**31, -(2**31) - 1):
            ok(client.get(f"/books?sort={sort}&cursor={coin(sort, number, number)}"))
    ok(client.get(f"/books?sort=published&cursor={coin('published', '0001-01-01', 1)}"))


FILTERS = [
    ("author_id={le_guin}", "ab"),
    ("author_id={adams}", "bc"),
    ("author_id=999999", ""),
    ("category=science-fiction", "ab"),
    ("category=none", ""),
    ("publisher_id={ace}", "a"),
    ("status=available", "a"),
    ("status=out_of_stock", "bd"),
    ("status=coming_soon", "c"),
    ("min_price=10", "bcd"),
    ("max_price=10.00", "ab"),
    ("min_price=10.01&max_price=19.99", "c"),
    ("min_price=20&max_price=10", ""),
    ("published_after=1969-03-01", "ab"),
    ("published_before=1969-03-01", "ac"),
    ("published_after=1969-03-01&published_before=1969-03-01", "a"),
    ("in_stock=true", "a"),
    ("in_stock=0", "bcd"),
    ("category=science-fiction&author_id={adams}&max_price=10", "b"),
    ("q=alpha", "a"),
    ("q=alpha&category=none", ""),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_filters(shop: Flask, client: Client, query: str, expected: str) -> None:
    with shop.app_context():
        le_guin, adams = make_author().id, make_author("Douglas", "Adams").id
        fiction = make_category("Science Fiction").id
        ace = catalog_records.create_record(SYSTEM, catalog_records.PUBLISHERS, {"name": "Ace"}).id
        both, other = [le_guin, adams], make_author("No", "One").id
        first, second = date(1969, 3, 1), date(1971, 5, 2)
        books = {
            make_book("Alpha", price=500, publisher_id=ace, category_ids=[fiction],
                      author_id=le_guin, publication_date=first).id: "a",
            make_book("Beta", price=1000, stock=0, category_ids=[fiction],
                      author_ids=both, publication_date=second).id: "b",
            make_book("Gamma", price=1999, status="coming_soon", author_id=adams,
                      publication_date=date(1960, 1, 1)).id: "c",
            make_book("Delta", price=2500, status="out_of_stock", author_id=other).id: "d",
        }  # fmt: skip
    path = "/books?" + query.format(le_guin=le_guin, adams=adams, ace=ace)
    for _ in range(2):  # the second answer may come from the cache
        body = ok(client.get(path + "&count=true"))
        assert "".join(sorted(books[book["id"]] for book in body["data"])) == expected
        assert body["total"] == len(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("author_id", "0"), ("author_id", "x"), ("author_id", "-1"), ("author_id", "9" * 30),
        ("author_id", "1.0"), ("author_id", "٣"), ("publisher_id", ""), ("category", "x" * 101),
        ("status", "sold"), ("min_price", "x"), ("min_price", "-1"), ("max_price", "1.999"),
        ("max_price", "1e3"), ("max_price", "9" * 40), ("published_after", "2020-13-01"),
        ("published_after", "2020-W01-1"), ("published_before", "yesterday"),
        ("published_before", "20200101"), ("in_stock", "maybe"), ("in_stock", ""),
        ("sort", "stock"), ("sort", "created"), ("limit", "0"), ("limit", "101"), ("limit", "x"),
        ("count", "2"), ("fields", "title,secret"), ("fields", ""), ("fields", "version"),
        ("view", "tiny"), ("q", "x" * 501), ("page", "2"), ("q", "a%00b"), ("category", "%00"),
    ],
)  # fmt: skip
def test_bad_filters_name_themselves(client: Client, name: str, value: str) -> None:
    body = problem(client.get(f"/books?{name}={value}"), 422, "validation_failed")
    assert set(body["errors"]) == {name}
