"""Asks which packages of the lock files have known faults: ``python -m audits.packages``.

pip-audit asks, at PyPI and else at OSV. Where neither can be asked, say behind a mirror of PyPI
that has the packages alone, nothing is known, and that is said in so many words.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements-dev.lock"  # all of requirements.lock is in it, and more
SERVICES = ("pypi", "osv")
SECONDS = 120

Ask = Callable[[str], "str | None"]


def ask(service: str) -> str | None:
    """Return pip-audit's report on the lock file, JSON; None when it makes none."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--no-deps"),
        *("--disable-pip", "--progress-spinner", "off", "--format", "json", "--timeout", "5"),
        *("--vulnerability-service", service),
    ]
    try:
        done = subprocess.run(  # nosec B603
            command, check=False, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.stdout.lstrip().startswith("{") else None


def judge(report: str | None) -> tuple[list[str], int, int]:
    """Return (a line for each fault, packages that were looked at, packages in all)."""
    packages: list[dict[str, Any]] = json.loads(report)["dependencies"] if report else []
    asked = [package for package in packages if "vulns" in package]
    faults = [
        f"{package['name']} {package['version']}: {fault['id']}, "
        f"mended in {', '.join(fault['fix_versions']) or 'no version yet'}"
        for package in asked
        for fault in package["vulns"]
    ]
    return faults, len(asked), len(packages)


def main(asking: Ask = ask) -> int:
    """Print what is known; return 1 if there are faults. Not being told is not a fault."""
    faults: list[str] = []
    asked = total = 0
    for service in SERVICES:
        faults, asked, total = judge(asking(service))
        if asked:
            break
    for line in faults:
        print(f"known fault: {line}")
    if asked < total or not asked:
        bar, some = "!" * 78, f" BUT {asked} OF {total}" if asked else ""
        print(
            f"{bar}\nTHE PACKAGES WERE NOT AUDITED{some}: from here, no advisory service answers\n"
            "or knows them (PyPI, OSV). Nothing is known of them, good or bad. Elsewhere:\n"
            f"    python -m audits.packages\n{bar}"
        )
    elif not faults:
        print(f"{asked} packages have no known faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
