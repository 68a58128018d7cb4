"""Each client, written once a test run from the document of the shop, and a shop to call."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from flask import Flask

from bookstore.blueprints.openapi import operations
from client_generators import node, writing
from tests.clients import LiveShop
from tests.conftest import Apps, LiveShops

# A client does not know which database its shop has; the Python journey is walked on both.
on_one_database = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def document(apps: Apps) -> dict[str, Any]:
    return dict(apps.get("sqlite").extensions["openapi"]["v2"])


@pytest.fixture(scope="session")
def operation_ids(document: dict[str, Any]) -> set[str]:
    return {operation["operationId"] for _, _, operation in operations(document)}


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> Path:
    """The folder of all clients, one for all workers of the test run."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = root / "clients"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        (folder / "v2.json").write_text(json.dumps(document))
    return folder


def once(folder: Path, write: Callable[[Path, Path], None], place: Path) -> Path:
    """Let the first worker to come write a client, and return where it is."""
    done = folder / f".{place.name}-is-there"
    with FileLock(folder / f".{place.name}-lock"):
        if not done.exists():
            write(folder / "v2.json", place)
            done.touch()
    return place


@pytest.fixture(scope="session")
def python_client(clients: Path) -> Path:
    return once(clients, writing.python, clients / "python")


@pytest.fixture(scope="session")
def npm(clients: Path) -> None:
    """The npm packages; without the net tests that need them are skipped, but not in CI."""
    with FileLock(clients / ".npm-lock"):
        try:
            node.install()
        except node.RegistryAway as error:
            if "CI" in os.environ:
                raise
            pytest.skip(f"npm's registry cannot be reached: {error}")


@pytest.fixture(scope="session")
def typescript_client(clients: Path, npm: None) -> Path:
    return once(clients, writing.typescript, clients / "typescript")


@pytest.fixture(scope="session")
def collection(clients: Path, npm: None) -> Path:
    return once(clients, writing.postman, clients / "collection.json")


@pytest.fixture
def live(apps: Apps, live_shops: LiveShops, shop: Flask, database: str) -> LiveShop:
    return live_shops.get(apps.settings(database, web_workers=1, web_threads=4))
