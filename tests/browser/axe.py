"""axe-core, which looks for what keeps people out: WCAG 2.2 A and AA, and good habits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.browser.programs import axe_script

if TYPE_CHECKING:
    from tests.browser.chromium import Page

# What axe calls the rest is a matter of taste, or for somebody to look at.
GRAVE = ("serious", "critical")


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that a page breaks, and where."""

    rule: str
    impact: str
    told: str
    places: tuple[str, ...]

    @property
    def is_grave(self) -> bool:
        """Whether somebody may be unable to use the page."""
        return self.impact in GRAVE


def look(page: "Page") -> list[Fault]:
    """Return the faults of a page as it is now, the grave ones first.

    The script comes in by the debugger, which no Content-Security-Policy holds up.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe_script())
    found = page.evaluate(_RUN)
    faults = [Fault(one[0], one[1] or "minor", one[2], tuple(one[3])) for one in found]
    return sorted(faults, key=lambda fault: not fault.is_grave)


_RUN = """axe.run({ resultTypes: ["violations"] })
  .then(({ violations }) => violations.map((one) => [
    one.id, one.impact, one.help, one.nodes.map(({ html, any }) => (
      `${html.slice(0, 200)} ${any.map((check) => check.message).join("; ")}`
    )),
  ]))"""
