"""The raw views answer what the shop answers, in one process for both databases."""

from pathlib import Path

import orjson
from flask import Flask
from sqlalchemy import select

from benchmarks import catalogue, inside
from benchmarks.ceilings import app as raw, databases
from benchmarks.client import Request
from bookstore.extensions import db
from bookstore.models import Book


def test_books_are_those_of_the_shop(shop: Flask, tmp_path: Path) -> None:
    with shop.app_context():
        assert catalogue.load(None, 40, tmp_path) == "40 generated books"
        ids = db.session.scalars(select(Book.id)).all()
        assert {book.stock for book in db.session.scalars(select(Book))} == {catalogue.STOCK}
        db.session.remove()
    views = raw.create(shop.config["SETTINGS"].sqlalchemy_url, tmp_path)
    try:
        for path in ["/books?max_price=900.00", *(f"/books/{id_}" for id_ in ids)]:
            answers = [
                inside.ask(shop, Request(f"/api/v2{path}")),
                inside.ask(views, Request(path)),
            ]
            assert [answer.status for answer in answers] == [200, 200]
            ours, theirs = (orjson.loads(answer.body) for answer in answers)
            assert theirs.get("data", theirs) == ours.get("data", ours)
    finally:
        databases.close()
