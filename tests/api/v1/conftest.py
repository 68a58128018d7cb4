"""A client written for a Django REST Framework bookstore, and its people."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.clients import Client
from tests.factories import reader_and_clerk


class OldClient:
    """Sends what such clients send: paths with a last slash, JSON or forms, no keys or tags."""

    def __init__(self, client: Client, slash: str = "/") -> None:
        self.client, self.slash = client, slash

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Call a path of v1, given without a last slash."""
        path, _, query = path.partition("?")
        mark = "?" if query else ""
        url = f"/api/v1/{path}{self.slash}{mark}{query}"
        return self.client.call(method, url, body, **headers)

    def form(self, method: str, path: str, fields: dict[str, Any]) -> TestResponse:
        """Send a form."""
        url = f"/api/v1/{path}{self.slash}"
        return self.client.http.open(url, method=method, headers=self.client.headers, data=fields)

    def __getattr__(self, name: str) -> Callable[..., TestResponse]:
        if name not in {"get", "post", "put", "patch", "delete"}:
            raise AttributeError(name)
        return lambda path, body=None, **headers: self.call(name.upper(), path, body, **headers)

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the results of a list by following ``next``."""
        answer = self.get(path)
        while True:
            body = answer.get_json()
            yield from body["results"]
            if body["next"] is None:
                return
            assert body["next"].startswith("http://localhost/api/v1/")
            answer = self.client.get(body["next"].removeprefix("http://localhost"))


@pytest.fixture(params=["/", ""], ids=["slash", "bare"])
def slash(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def guest(shop: Flask) -> OldClient:
    return OldClient(Client(shop))


@pytest.fixture
def people(shop: Flask) -> tuple[OldClient, OldClient]:
    """A reader and a clerk."""
    reader, clerk = reader_and_clerk(shop)
    return OldClient(reader), OldClient(clerk)


@pytest.fixture
def reader(people: tuple[OldClient, OldClient]) -> OldClient:
    return people[0]


@pytest.fixture
def clerk(people: tuple[OldClient, OldClient]) -> OldClient:
    return people[1]
