"""axe-core, which looks for what keeps people out: WCAG 2.2 A and AA, and good habits."""

import json
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


def look(page: "Page", rules: tuple[str, ...] = ()) -> list[Fault]:
    """Return the faults of a page as it is now, the grave ones first; by some rules, or all.

    The script comes in by the debugger, which no Content-Security-Policy holds up.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe_script())
    only = f", runOnly: {json.dumps(rules)}" if rules else ""
    found = page.evaluate(_RUN.replace("ONLY", only))
    faults = [Fault(one[0], one[1] or "minor", one[2], tuple(one[3])) for one in found]
    return sorted(faults, key=lambda fault: not fault.is_grave)


_RUN = """axe.run({ resultTypes: ["violations"]ONLY })
  .then(({ violations }) => violations.map((one) => [
    one.id, one.impact, one.help, one.nodes.map(({ html, any }) => (
      `${html.slice(0, 200)} ${any.map((check) => check.message).join("; ")}`
    )),
  ]))"""
