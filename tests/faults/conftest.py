"""A database for each test that has a whole shop of its own."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from bookstore.config import Settings
from tests.conftest import Apps
from tests.gateway import Apart, find_nginx


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


@pytest.fixture
def for_workers(
    app: Flask, apps: Apps, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of workers of this shop, whose files are in a folder of this test's own."""
    changed = replace(app.config["SETTINGS"], bookstore_home=tmp_path)
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    redis_url = apps.request.getfixturevalue("redis_server").url
    return apps.settings(database, bookstore_home=tmp_path, redis_url=redis_url)


@pytest.fixture(scope="module")
def nginx() -> str:
    found = find_nginx()
    if found is None:
        assert not os.environ.get("CI"), "no nginx: the gateway would go untested"
        pytest.skip("no nginx on PATH, and none to be had from Debian's packages")
    return found


@pytest.fixture
def apart(apps: Apps, shop: Flask, database: str, nginx: str, tmp_path: Path) -> Iterator[Apart]:
    settings = apps.settings(
        database, web_workers=2, web_threads=8, webhook_allow_private_networks=True
    )
    with Apart(settings, nginx, tmp_path) as running:
        yield running
