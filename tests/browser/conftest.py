"""The shop as real processes and a real browser to look at it; without one these are skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.browser.chromium import Page, find_chromium
from tests.clients import LiveShop
from tests.conftest import Apps


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    if find_chromium() is None:
        pytest.skip("no Chromium on PATH (Debian: apt install chromium)")
    with Page(tmp_path / "profile") as opened:
        yield opened
        assert opened.errors == []


@pytest.fixture
def live(apps: Apps, shop: Flask, database: str) -> Iterator[LiveShop]:
    with LiveShop(apps.settings(database, web_workers=1, web_threads=4)) as running:
        yield running
