"""The threat model names tests, and there are such tests."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`(tests/[^`]*)`", TEXT)
STRIDE = ("spoofing", "tampering", "repudiation", "disclosure", "denial of service", "elevation")


@pytest.mark.parametrize("name", NAMED)
def test_each_test_that_it_names_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert re.search(rf"^ *def {re.escape(function)}\(", (ROOT / path).read_text(), re.M), name
    assert function.startswith("test_")


def test_each_threat_has_something_against_it_and_a_test() -> None:
    model = TEXT.partition("## Threat model")[2].partition("## What is left")[0]
    rows = [line for line in model.splitlines() if line.startswith("| ")]
    threats = [row for row in rows if not row.startswith(("| threat", "| ---"))]
    for row in threats:
        threat, against, shown = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(against) > 3, row
        assert re.fullmatch(r"(`tests/[^`]+::test_\w+` ?)+", shown), row
        assert threat.startswith((*STRIDE, "anything else")), row
    assert len(threats) > 40
    for word in STRIDE:
        assert any(row.startswith(f"| {word}") for row in threats), word
