"""The shop as real processes and a real browser to look at it; without one these are skipped."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from flask import Flask

from tests.browser.chromium import Browser, Page
from tests.browser.programs import chromium
from tests.clients import LiveShop
from tests.conftest import Apps

HOW = {"web_workers": 1, "web_threads": 4, "webhook_allow_private_networks": True}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium(), tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with Page(browser) as opened:
        yield opened
        assert opened.errors == []


@pytest.fixture(scope="session")
def shops(apps: Apps) -> Iterator[Callable[[str], LiveShop]]:
    """Returns a shop on a database, the same each time."""
    with ExitStack() as stack:

        @cache
        def start(database: str) -> LiveShop:
            apps.get(database)
            return stack.enter_context(LiveShop(apps.settings(database, **HOW)))

        yield start


@pytest.fixture
def live(shop: Flask, database: str, shops: Callable[[str], LiveShop]) -> LiveShop:
    """A shop as after the first start; whoever stops it starts it again."""
    running = shops(database)
    if running.process.poll() is not None:
        running.start()
    return running
