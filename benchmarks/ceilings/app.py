"""The raw views: a bare Flask app over the database of the shop that is measured."""

import os
import pickle
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, request

from benchmarks.ceilings import databases, documents, replaying, sql

RECIPES = "ceilings.pickle"  # in the shop's folder


def create(url: str, folder: Path) -> Flask:
    """Return the app.

    Args:
        url: of the database, as SQLAlchemy has it.
        folder: where RECIPES is.
    """
    app = Flask("ceilings")
    texts = sql.statements("sqlite" if databases.is_sqlite(url) else "postgresql")

    @app.get("/")
    def hello() -> bytes:
        return b"Hello, reader!"

    @app.get("/books")
    def books() -> Response:
        whole, _, cents = request.args["max_price"].partition(".")
        dearest = int(whole) * 100 + int(cents)
        found = databases.connection(url).execute(texts["list"], {"dearest": dearest})
        return _json(documents.page(found.fetchall()))

    @app.get("/books/<int:book_id>")
    def book(book_id: int) -> Response:
        found = databases.connection(url).execute(texts["detail"], {"id": book_id})
        return _json(documents.book(found.fetchone()))

    @app.get("/search")
    def search() -> Response:
        first, last = request.args["q"].split()
        match = f"(('{first}') & ('{last}':*)) | '{first}{last}'"
        if databases.is_sqlite(url):
            match = f'(("{first}") AND ("{last}"*)) OR "{first}{last}"'
        values = {
            "match": match,
            "phrase": f"{first} {last}",
            "code": f" {first}{last} ",
            "first": f" {first} ",
            "last": f" {last} ",
            "begin": f" {last}",
        }
        found = databases.connection(url).execute(texts["search"], values)
        return _json(documents.page(found.fetchall()))

    @app.get("/cart")
    def cart() -> Response:
        user_id, session_id = request.headers["Authorization"].split()[1:]
        connection = databases.connection(url)
        who = {"id": int(user_id), "session": session_id}
        if connection.execute(texts["user"], who).fetchone() is None:
            return Response(status=401)
        found = connection.execute(texts["cart"], {"id": int(user_id)})
        return _json(documents.cart(found.fetchall()))

    kept: dict[str, Any] = {}

    @app.post("/<name>")
    def write(name: str) -> Response:
        orjson.loads(request.get_data())
        if not kept:
            kept.update(pickle.loads((folder / RECIPES).read_bytes()))
        steps, answer = kept["recipes"][name]
        user_id = request.headers["Authorization"].split()[1]
        replaying.replay(databases.connection(url), steps, kept["buyers"][user_id])
        return _json(answer, 201)

    return app


def _json(document: Any, status: int = 200) -> Response:
    return Response(documents.encode(document), status, content_type="application/json")


if "DATABASE_URL" in os.environ:
    app = create(os.environ["DATABASE_URL"], Path(os.environ["BOOKSTORE_HOME"]))
