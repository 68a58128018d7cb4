"""An ISBN is looked at wherever a book comes in: its format always, its check digit if wanted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from bookstore.cli.catalog import catalog_cli
from tests.clients import Client
from tests.factories import make_author, make_book, make_clerk

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

GOOD = ["978-0-306-40615-7", "0-8044-2957-X"]
WRONG_DIGIT, NO_FORMAT = ["978-0-306-40615-8", "0-8044-2957-1"], ["97803064061", "080442957Y"]
CREATE = """mutation($a: Int!, $i: String!) {
    createBook(title: "B", authorId: $a, isbn: $i, price: 1) { book { isbn } } }"""


@pytest.fixture
def doors(shop: Flask, tmp_path: Path) -> Iterator["Doors"]:
    before = shop.config["SETTINGS"]
    yield Doors(shop, tmp_path)
    shop.config["SETTINGS"] = before


class Doors:
    """All the ways by which a book comes in: each takes an ISBN, and returns how it was refused."""

    def __init__(self, shop: Flask, folder: Path) -> None:
        self.shop, self.folder = shop, folder
        self.clerk = Client(shop, {"Authorization": f"Bearer {make_clerk(shop)}"})
        with shop.app_context():
            self.author, self.book = make_author().id, make_book().id

    def ask(self, isbn: str) -> list[str]:
        """Return what each way says, "" for nothing."""
        return [self.by_v2(isbn), self.by_change(isbn), self.by_v1(isbn), *self.by_others(isbn)]

    def by_v2(self, isbn: str) -> str:
        body = {"title": "B", "author_id": self.author, "price": "1.00", "isbn": isbn}
        return self.told(self.clerk.post("/books", body))

    def by_change(self, isbn: str) -> str:
        return self.told(self.clerk.patch(f"/books/{self.book}", {"isbn": isbn}, If_Match="*"))

    def by_v1(self, isbn: str) -> str:
        body = {"title": "B", "author": self.author, "price": "1.00", "isbn": isbn}
        answer = self.clerk.post("/api/v1/books/", body)
        return "" if answer.status_code == 201 else answer.get_json()["isbn"][0]

    def by_others(self, isbn: str) -> list[str]:
        """By GraphQL, and by a file."""
        sent = {"query": CREATE, "variables": {"a": self.author, "i": isbn}}
        [error] = self.clerk.post("/graphql/", sent).get_json().get("errors") or [{}]
        path = self.folder / "books.csv"
        path.write_text(f"title,authors,price,isbn\nB,Ann,1,{isbn}\n")
        done = self.shop.test_cli_runner().invoke(catalog_cli, ["import", str(path), "--dry-run"])
        named = error.get("extensions", {}).get("errors", {}).get("isbn", [""])
        return [named[0], done.stderr.partition("row 2: isbn: ")[2].strip()]

    @staticmethod
    def told(answer: object) -> str:
        body = answer.get_json()  # type: ignore[attr-defined]
        return body["errors"]["isbn"][0] if "errors" in body else ""


def test_what_is_none_is_refused(doors: Doors) -> None:
    for isbn in NO_FORMAT:
        for told in doors.ask(isbn):
            assert "10 or 13 digits" in told, (isbn, told)


def test_a_wrong_check_digit_when_it_matters(doors: Doors) -> None:
    for isbn in WRONG_DIGIT:
        assert "digit" not in "".join(doors.by_v2(isbn))
    settings = doors.shop.config["SETTINGS"]
    doors.shop.config["SETTINGS"] = replace(settings, isbn_checksum=True)
    for isbn in WRONG_DIGIT:
        for told in doors.ask(isbn):
            assert "check digit" in told, (isbn, told)
    for isbn in GOOD:
        assert doors.by_v2(isbn) == ""
