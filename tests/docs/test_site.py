"""The documentation site is whole, finds what is wrong, and needs nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bookstore.blueprints.docs import explanations
from documentation import errors, pages

ROOT = Path(__file__).parents[2]
LOST = """# A page in no menu

[a page](nowhere.md), [a section](api.md#nowhere), [of its own](#nowhere)

```json
{"this": is no JSON}
```
"""
# What the page above is told of, each once.
FOUND = [
    "isn't included in any toctree",
    "'nowhere.md'",
    "in doc 'api': 'nowhere'",
    "not found: 'nowhere'",
    "json",
]


def test_each_error_says_why_and_what_to_do() -> None:
    for code, one in explanations().items():
        assert re.match(r"[A-Z`].*\.$", one["remedy"]), f"{code}: what is to be done about it?"
        assert len(one["detail"]) > 10, code


def test_the_page_of_errors_has_each_code() -> None:
    text = errors.markdown()
    codes = re.findall(r"^### (\w+)$", text, re.M)
    assert sorted(codes) == sorted(explanations())
    assert re.search(r"^## 409 Conflict$", text, re.M)
    assert "``" not in text


def test_every_page_is_in_a_menu() -> None:
    """Without a build, so that whoever adds a page hears of it at once."""
    text = (ROOT / "docs/index.md").read_text()
    menus = "\n".join(re.findall(r"^```{toctree}\n(.*?)^```", text, re.M | re.S))
    named = {re.sub(r"^.*<(.+)>$", r"\1", line) for line in menus.splitlines()}
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem in named | {"index"}, f"add a line {page.stem} to docs/index.md"


def test_the_site_is_whole_and_faults_are_found(tmp_path: Path) -> None:
    source, site = tmp_path / "docs", tmp_path / "site"
    shutil.copytree(ROOT / "docs", source)
    (source / "lost.md").write_text(LOST)
    command = [sys.executable, "-m", "sphinx", "-c", "documentation", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, "-d", tmp_path / "trees", source, site],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert all("lost.md" in line for line in told), done.stderr
    assert len(told) == len(FOUND), done.stderr
    for words in FOUND:
        assert any(words in line for line in told), words

    page = (site / "errors.html").read_text()
    assert all(f'id="{code}"' in page for code in explanations())
    assert "data-sync-id" in (site / "api.html").read_text()
    # Nothing of the project leads to a file that the site does not have.
    assert set(pages.ADOPTED) == {one.name for one in ROOT.glob("*.md")}
    loaded = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*(?:src|href)=["']?(?:https?:)?//""")
    for file in site.rglob("*.html"):
        assert not loaded.search(file.read_text()), file
    for file in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", file.read_text()), file
