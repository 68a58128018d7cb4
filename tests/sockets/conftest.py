"""One shop of one process for all tests here that need neither more nor both databases."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.clients import LiveShop
from tests.conftest import Apps, LiveShops
from tests.sockets.following import Followed, follow

PAIR = {"web_workers": 2, "web_threads": 4, "cors_origins": "https://app.example.com"}


@pytest.fixture(scope="session")
def lone_shop(apps: Apps, live_shops: LiveShops) -> LiveShop:
    apps.get("sqlite")
    return live_shops.get(apps.settings("sqlite", web_workers=1, web_threads=4))


@pytest.fixture
def alone(apps: Apps, lone_shop: LiveShop) -> Followed:
    """A reader's order; its sockets are all in one process."""
    shop: Flask = apps.empty("sqlite")
    return follow(shop, lone_shop)


@pytest.fixture
def live(apps: Apps, shop: Flask, database: str) -> Iterator[LiveShop]:
    with LiveShop(apps.settings(database, **PAIR)) as running:
        yield running


@pytest.fixture
def followed(apps: Apps, live_shops: LiveShops, shop: Flask, database: str) -> Followed:
    """A reader's order, in a shop of two processes that is not to be stopped, on each database."""
    return follow(shop, live_shops.get(apps.settings(database, **PAIR)))
