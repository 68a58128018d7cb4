"""One shop of one process for all tests here that need neither more nor both databases."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from flask import Flask

from tests.clients import LiveShop
from tests.conftest import Apps
from tests.sockets.following import Followed, follow

PAIR = {"web_workers": 2, "web_threads": 4, "cors_origins": "https://app.example.com"}


@pytest.fixture(scope="session")
def lone_shop(apps: Apps) -> Iterator[LiveShop]:
    apps.get("sqlite")
    with LiveShop(apps.settings("sqlite", web_workers=1, web_threads=4)) as running:
        yield running


@pytest.fixture
def alone(apps: Apps, lone_shop: LiveShop) -> Followed:
    """A reader's order; its sockets are all in one process."""
    shop: Flask = apps.empty("sqlite")
    return follow(shop, lone_shop)


@pytest.fixture
def live(apps: Apps, shop: Flask, database: str) -> Iterator[LiveShop]:
    with LiveShop(apps.settings(database, **PAIR)) as running:
        yield running


@pytest.fixture(scope="session")
def pairs(apps: Apps) -> Iterator[Callable[[str], LiveShop]]:
    """Returns a shop of two processes on a database, the same each time; not to be stopped."""
    with ExitStack() as stack:

        @cache
        def pair(database: str) -> LiveShop:
            apps.get(database)
            return stack.enter_context(LiveShop(apps.settings(database, **PAIR)))

        yield pair


@pytest.fixture
def followed(shop: Flask, database: str, pairs: Callable[[str], LiveShop]) -> Followed:
    """A reader's order, in a shop of two processes, on each database."""
    return follow(shop, pairs(database))
