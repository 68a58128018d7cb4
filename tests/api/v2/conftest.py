"""An account that came by HTTP, and a reader and a clerk who did not have to."""

from typing import Any

import pytest
from flask import Flask

from tests.clients import Client, ok
from tests.factories import PASSWORD, reader_and_clerk

ANN = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}
LOGIN = {"username": "ann", "password": PASSWORD}


@pytest.fixture
def ann(client: Client) -> dict[str, Any]:
    """An account; returns the tokens of its first login."""
    ok(client.post("/auth/register", ANN), 201)
    return dict(ok(client.post("/auth/token", LOGIN)))


@pytest.fixture
def people(shop: Flask) -> tuple[Client, Client]:
    """A reader and a clerk; ``reader`` and ``clerk`` are these two."""
    return reader_and_clerk(shop)


@pytest.fixture
def reader(people: tuple[Client, Client]) -> Client:
    return people[0]


@pytest.fixture
def clerk(people: tuple[Client, Client]) -> Client:
    return people[1]
