"""The newest results stand in the README between two marks, and nothing else changes."""

from pathlib import Path

import pytest

from benchmarks import latest


def test_results_go_between_the_marks(tmp_path: Path) -> None:
    results = tmp_path / "2026-01-02-abc.txt"
    results.write_text("a table\n\\1 and more\n")
    before = latest.README.read_text()
    after = latest.with_results(before, results)
    assert "From `results/2026-01-02-abc.txt`.\n\n```\na table\n\\1 and more\n```\n" in after
    head, tail = before.split("<!-- latest: begin")[0], before.split("<!-- latest: end")[1]
    assert after.startswith(head)
    assert after.endswith(tail)
    assert latest.with_results(after, results) == after
    with pytest.raises(ValueError, match="one place"):
        latest.with_results("nothing", results)
