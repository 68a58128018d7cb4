"""The documentation site is whole, finds what is wrong, and needs nothing from elsewhere."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import field, fields, make_dataclass
from pathlib import Path

import click
import pytest

from bookstore.blueprints.docs import explanations
from bookstore.config import Settings
from documentation import commands, errors, pages, settings

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


def test_the_page_of_settings_has_each_and_what_it_does() -> None:
    text = settings.markdown()
    told = re.findall(r"^### ([A-Z0-9_]+)\n\n([A-Z].{9,})\n\n\*([^*]+)\.\*", text, re.M)
    secret = {name for name, _, kind in told if "secret" in kind}
    every = {one.name.upper(): one.metadata for one in fields(Settings)}
    assert sorted(name for name, _, _ in told) == sorted(every)
    assert secret == {name for name, metadata in every.items() if metadata["secret"]}
    assert "STRIPE_SECRET_KEY" in secret
    assert "\n\nWeb processes; one or two a core.\n\n*A whole number, 1 to 64.*" in text
    # Links to pages that say more are of settings that there are.
    assert set(settings.MORE) <= {one.name for one in fields(Settings)}


def test_a_setting_without_words_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = field(default=1, metadata={"help": "", "secret": False, "check": lambda _: None})
    kind = make_dataclass("Settings", [("silent", int, silent)])
    monkeypatch.setattr(settings, "Settings", kind)
    monkeypatch.setattr(settings, "TITLES", {kind: "The shop"})
    with pytest.raises(ValueError, match="SILENT: what does this setting do"):
        settings.markdown()


def test_the_page_of_commands_has_each_and_its_options() -> None:
    text = commands.markdown()
    every = dict(commands.every())
    assert re.findall(r"^##+ (.+)$", text, re.M) == list(every)
    assert len(every) > 40
    assert "flask --app wsgi catalog import [OPTIONS] FILE" in text
    assert "\n- `--dry-run`: Only report what would happen.\n" in text
    # Those of the table above them exist as well.
    page = (ROOT / "docs/commands.md").read_text()
    shown = [shlex.split(line) for line in re.findall(r"^\| .+ \| `(.+)` \|$", page, re.M)]
    assert len(shown) > 5
    for words in shown:
        found = every.get(" ".join(words[:2])) or every[words[0]]
        options = {name for one in found.params for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= options, words


@pytest.mark.parametrize(
    "silent",
    [
        click.Command("silent"),
        click.Command("silent", help="Some.", params=[click.Option(["--x"])]),
    ],
    ids=["command", "option"],
)
def test_a_command_without_words_is_noticed(
    monkeypatch: pytest.MonkeyPatch, silent: click.Command
) -> None:
    monkeypatch.setattr(commands, "every", lambda: [("silent", silent)])
    with pytest.raises(ValueError, match="flask --app wsgi silent.*: what does this"):
        commands.markdown()


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
    assert 'id="web_workers"' in (site / "settings.html").read_text()
    assert 'id="catalog-import"' in (site / "commands.html").read_text()
    assert "data-sync-id" in (site / "api.html").read_text()
    # Nothing of the project leads to a file that the site does not have.
    assert set(pages.ADOPTED) == {one.name for one in ROOT.glob("*.md")}
    loaded = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*(?:src|href)=["']?(?:https?:)?//""")
    for file in site.rglob("*.html"):
        assert not loaded.search(file.read_text()), file
    for file in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", file.read_text()), file
