"""The documents name only what exists: files, headings, make targets, settings, packages."""

import configparser
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from bookstore.blueprints.docs import explanations
from bookstore.config import Settings
from documentation import pages

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
)
SCRIPTS = [ROOT / ".ci/run", ROOT / ".github/workflows/ci.yml", ROOT / ".pre-commit-config.yaml"]
SETTINGS = {item.name.upper() for item in fields(Settings)}
# Names in capitals that are no settings: the tests', make's, and those of an example.
OTHERS = {"TEST_POSTGRES_URL", "API", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD", "NAME"}
# Of the compose file alone.
OTHERS |= {"DATABASE_HOST"}
# OpenTelemetry's own.
OTHERS |= {"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_HEADERS"}
# Those that the gateway is filled in with: see test_deploy.
OTHERS |= set(
    re.findall(r"\$\{([A-Z_]+)\}", (ROOT / "deploy/gateway/nginx.conf.template").read_text())
)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text())


def commands(document: Path) -> Iterator[str]:
    """Yield what a document shows as code: the lines of its shell blocks and code in its prose."""
    for language, body in FENCE.findall(document.read_text()):
        if language == "bash":
            yield from body.splitlines()
    yield from re.findall(r"`([^`\n]+)`", prose(document))


def anchors(document: Path) -> set[str]:
    # As the site has it: parts of some pages are made from the code.
    shown = document.relative_to(ROOT / "docs") if document.is_relative_to(ROOT / "docs") else None
    text = FENCE.sub("", pages.markdown(str(shown))) if shown else prose(document)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", target):
            # Whether somebody is there, `make docs-links` asks.
            assert re.fullmatch(r"https://[\w-]+(\.[\w-]+)+(/\S*)?", target), target
            continue
        name, _, anchor = target.partition("#")
        there = (document.parent / name).resolve() if name else document
        assert there.is_relative_to(ROOT), f"{target} leads out of the project"
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("document", [*DOCUMENTS, *SCRIPTS], ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    shown = document.read_text().splitlines() if document in SCRIPTS else commands(document)
    for line in shown:
        for target in re.findall(r"(?:^|[;&:`]\s*|\b[A-Z]+=\S+ )make ([a-z-]+)", line.strip()):
            assert target in targets, line


@each_document
def test_settings_exist(document: Path) -> None:
    for shown in commands(document):
        named = set(re.findall(r"\b([A-Z][A-Z0-9_]*)=", shown))
        named |= set(re.findall(r"^[A-Z]+(?:_[A-Z]+)+$", shown))
        assert named <= SETTINGS | OTHERS, shown


def test_the_example_has_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^# ?([A-Z0-9_]+)=", text, re.M)) == SETTINGS
    assert all(line.startswith("#") for line in text.split("\n") if line), "all are commented out"
    for item in fields(Settings):
        shown = re.search(rf"^# {item.name.upper()}=(.+)$", text, re.M)
        if item.default is not None and shown:
            assert shown[1].lower() == str(item.default).lower()


def test_every_package_has_a_reason() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"] + setup["options.extras_require"]["dev"]
    packages = re.findall(r"^([a-z0-9-]+)", wanted, re.M)
    text = (ROOT / "docs/decisions/0010-dependencies.md").read_text()
    assert sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.M)) == sorted(packages)


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    pages = {page.name for page in folder.glob("0*.md")}
    assert set(re.findall(r"\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())) == pages
    for page in pages:
        text = (folder / page).read_text()
        assert re.match(rf"# {page[:4]} .+\n\n\d{{4}}-\d\d-\d\d\n", text), page
        assert "## Context" in text
        assert "## Decision" in text
        assert "## Consequence" in text


def test_the_api_guide_names_codes_that_exist() -> None:
    rows = re.findall(r"^\| \d{3}[^|]*\|[^|]*\|(.+)\|$", (ROOT / "docs/api.md").read_text(), re.M)
    codes = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    assert len(codes) > 10
    assert codes <= set(explanations())


@each_document
def test_prose_is_wrapped(document: Path) -> None:
    for line in prose(document).splitlines():
        if not line.startswith("|"):
            assert len(line) <= 105, line
