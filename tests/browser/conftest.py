"""The shop as real processes and a real browser to look at it; without one these are skipped."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.browser.chromium import Browser, Page
from tests.browser.programs import chromium
from tests.clients import LiveShop
from tests.conftest import Apps


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium(), tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with Page(browser) as opened:
        yield opened
        assert opened.errors == []


@pytest.fixture
def live(apps: Apps, shop: Flask, database: str) -> Iterator[LiveShop]:
    settings = apps.settings(
        database, web_workers=1, web_threads=4, webhook_allow_private_networks=True
    )
    with LiveShop(settings) as running:
        yield running
