"""The report of a book in a real browser: its style is let in, and nothing else is wanted."""

import pytest
from flask import Flask

from bookstore.jobs import run_job
from bookstore.services import book_reports
from bookstore.services.actors import SYSTEM
from tests.browser.chromium import Page
from tests.clients import LiveShop
from tests.factories import make_book, make_clerk

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def test_its_page_is_shown_as_it_was_made(shop: Flask, live: LiveShop, page: Page) -> None:
    with shop.app_context():
        job = book_reports.start(SYSTEM, make_book("Piranesi").id).id
        run_job(job)
    clerk = make_clerk(shop)
    [url] = [
        one["url"]
        for one in live.call("GET", f"/jobs/{job}", token=clerk).json()["files"]
        if one["name"].endswith(".html")
    ]
    ticket = live.call("POST", "/ws/tickets", token=clerk).json()["ticket"]
    # The fixture looks at the console: whatever the policy forbids is told there.
    page.open(f"{live.url}{url}?ticket={ticket}")
    assert page.text("h1") == "Piranesi"
    style = "getComputedStyle(document.querySelector('.chart .bar')).fill"
    assert page.evaluate(style) == "rgb(122, 59, 29)"
    names = "document.querySelector('svg').getAttribute('aria-labelledby').split(' ')"
    assert page.evaluate(f"{names}.every((id) => document.getElementById(id).textContent)")
