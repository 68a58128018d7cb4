"""Whoever walks through the shop's pages, and what is looked at on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from tests.browser.axe import Fault
from tests.browser.chromium import DESKTOP, Browser, Page

SIZES = {"desktop": DESKTOP, "phone": (390, 844)}
NARROWEST = (360, 640)


@dataclass
class Walker:
    """Somebody before one tab; where they ``stop`` the page is looked at."""

    page: Page
    url: str
    found: list[tuple[str, Fault]] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Go to a page by its address."""
        self.page.open(f"{self.url}{path}")

    def stop(self, where: str) -> None:
        """Look at the page as it is, light and dark; it must not be wider than the screen."""
        for scheme, rules in (("dark", ["color-contrast"]), ("light", [])):
            self.page.light(scheme)
            self.found += [(f"{where}, {scheme}", fault) for fault in self.page.faults(*rules)]
        page, before = self.page, self.page.size
        for width, height in {before, NARROWEST} if page.is_touched else {before}:
            page.measure(width, height)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{where} is {wide} wide on a screen of {width}"
        page.measure(*before)

    def told(self) -> str:
        """Return all that was found, line by line."""
        return "\n".join(
            f"{where}: {fault.impact}: {fault.rule}: {fault.told}\n  " + "\n  ".join(fault.places)
            for where, fault in self.found
        )


W = TypeVar("W", bound=Walker)


@contextmanager
def walker(kind: type[W], browser: Browser, url: str, screen: str) -> Iterator[W]:
    """Let somebody walk on such a screen.

    At the end nothing that keeps people out may have been found; what else axe has to say is told
    with it.
    """
    with Page(browser) as page:
        page.measure(*SIZES[screen])
        walking = kind(page, url)
        yield walking
        assert page.errors == []
        assert not any(fault.is_grave for _, fault in walking.found), walking.told()
        print(walking.told())
