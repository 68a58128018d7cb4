"""``python -m benchmarks.latest``: write the newest results into benchmarks/README.md."""

import json
import re
import sys
from pathlib import Path

from benchmarks.report import RESULTS

README = Path(__file__).parent / "README.md"
_BLOCK = re.compile(r"(<!-- latest: begin.*?-->\n).*(<!-- latest: end -->)", re.DOTALL)


def main() -> int:
    """Write and return the exit status."""
    found = {path: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    # Other benchmarks keep theirs there as well.
    tables = {path: made["machine"]["at"] for path, made in found.items() if "databases" in made}
    newest = max(tables, key=lambda path: tables[path], default=None)
    if newest is None:
        print("There are no results yet: make bench.", file=sys.stderr)
        return 1
    README.write_text(with_results(README.read_text(), newest.with_suffix(".txt")))
    print(f"{README.name} now has {newest.stem}.")
    return 0


def with_results(text: str, results: Path) -> str:
    """Return the README's text with those results between its two marks.

    Raises:
        ValueError: it has no marks.
    """
    told = f"From `results/{results.name}`.\n\n```\n{results.read_text().rstrip()}\n```\n"
    found, count = _BLOCK.subn(lambda marks: f"{marks[1]}{told}{marks[2]}", text)
    if count != 1:
        raise ValueError("there is not one place for results")
    return found


if __name__ == "__main__":
    sys.exit(main())
