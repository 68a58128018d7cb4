"""A database for each test that has a whole shop of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def database_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this test's own."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path / 'shop.sqlite3'}"
        return
    server, name = request.getfixturevalue("postgres"), f"faults_{os.getpid()}"
    server.create_database(name)
    yield server.url(name)
    server.drop_database(name)
