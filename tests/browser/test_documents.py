"""Swagger UI in a real browser: it runs under the policy it is sent with, and calls the API."""

import pytest

from tests.browser.chromium import Page
from tests.clients import LiveShop

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def test_an_operation_is_tried_out(live: LiveShop, page: Page) -> None:
    # The fixture looks at the console: whatever the policy forbids is told there.
    page.open(f"{live.url}/api/v2/docs")
    block = "[id$='-catalog_list_books'].opblock"
    # Of so many operations only those in sight are drawn.
    page.wait_for(f"scrollBy(0, 600), document.querySelector({block!r}) !== null")
    for button in (".opblock-summary-control", ".try-out__btn", ".execute"):
        one = f"{block} {button}"
        page.wait_for(f"document.querySelector({one!r}) !== null")
        page.evaluate(f"document.querySelector({one!r}).click()")
    answer = f"{block} .live-responses-table .response-col_status"
    page.wait_for(f"document.querySelector({answer!r}) !== null")
    assert page.text(f"{block} tr.response .response-col_status").startswith("200")
