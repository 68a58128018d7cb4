"""That axe runs at all, and sees what is wrong."""

from tests.browser.chromium import Page

WRONG = (
    "data:text/html,<html lang=en><title>A</title><main><h1>A</h1>"
    "<p style='color:%23ccc'>pale</p><img src=x><input>"
)


def test_axe_sees_what_is_wrong(page: Page) -> None:
    page.open(WRONG)
    found = {fault.rule: fault for fault in page.faults()}
    assert {"color-contrast", "image-alt", "label"} <= set(found)
    assert all(fault.is_grave for fault in found.values())
    assert "insufficient color contrast" in found["color-contrast"].places[0]
    assert [fault.rule for fault in page.faults("image-alt")] == ["image-alt"]
