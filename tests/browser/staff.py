"""Cleo at the console: what she opens, types and presses, and what she waits for."""

from tests.browser.walking import Walker
from tests.factories import PASSWORD

HERE_IS_SEEN = """(() => {
  const { left, right } = document.querySelector(".menu [aria-current]").getBoundingClientRect();
  return left >= 0 && right <= document.documentElement.clientWidth;
})()"""


class Staff(Walker):
    """Cleo, who sends parcels."""

    def log_in(self) -> None:
        """Log in, and see how the shop does."""
        self.go("/admin/")
        self.page.sees("Log in", "h1")
        self.stop("console, login")
        self.page.fill("#username", "cleo")
        self.page.fill("#password", PASSWORD)
        self.page.press_enter()
        self.page.sees("Dashboard", "h1")
        self.stop("console, dashboard")

    def open(self, section: str) -> None:
        """Open a section by the menu."""
        self.page.press(f"nav.menu a[href*='/admin/{section}']")
        self.page.wait_for(f"location.pathname.startsWith('/admin/{section}')")
        self.page.wait_for("document.readyState === 'complete'")
        # At phone width too, where the menu is a line that scrolls.
        self.page.wait_for(HERE_IS_SEEN)

    def listen(self, url: str) -> None:
        """Have somebody told of parcels."""
        page = self.page
        self.open("webhooks")
        self.stop("console, webhooks")
        page.press("a[href$='/webhooks/new']")
        page.sees("New endpoint", "h1")
        page.fill("#url", url)
        page.press("[name=events][value='order.shipped']")
        self.stop("console, new endpoint")
        page.press("main form button")
        page.sees("whsec_")
        self.stop("console, secret")

    def ship(self, number: str, tracking: str) -> None:
        """Send the parcel."""
        page = self.page
        self.open("orders")
        self.stop("console, orders")
        page.press("main a", number)
        page.sees(number, "h1")
        self.stop("console, order")
        page.press("#shipped-tracking_number")
        page.fill("#shipped-tracking_number", tracking)
        page.press("form:has([value=shipped]) button")
        page.sees("shipped", "main .heading")
        self.stop("console, order shipped")

    def see_the_delivery(self) -> None:
        """Look at what was sent, and what came back."""
        page = self.page
        page.press("a[href*='/deliveries/']")
        page.sees("order.shipped", "h1")
        page.sees("thanks")
        page.press("summary")
        self.stop("console, delivery")

    def redeliver(self) -> None:
        """Send it once more."""
        self.page.press("form[action$='/redeliver'] button")
        # Whoever goes on by keys goes on from there, not from the top.
        self.page.wait_for("document.activeElement?.matches('.note')")
        self.stop("console, redelivered")

    def see_attempts(self, count: int) -> None:
        """Wait until the page shows so many attempts, by itself."""
        self.page.wait_for(f"document.querySelectorAll('#state tbody tr').length === {count}")

    def look_around(self) -> None:
        """See every section, and the first thing that each of them lists."""
        page = self.page
        links = "[...document.querySelectorAll('%s')].map((one) => one.pathname)"
        for path in page.evaluate(links % "nav.menu a"):
            self.go(path)
            self.stop(f"console, {path}")
            inside = [one for one in page.evaluate(links % "main a") if one.startswith(path)]
            for one in sorted(set(inside) - {path})[:2]:
                self.go(one)
                self.stop(f"console, {one}")
