"""docs/architecture.md draws the tree as it is: layers, modules, folders."""

import configparser
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "bookstore"
PAGE = (ROOT / "docs/architecture.md").read_text()
HEAD = "| concept | URL | blueprint `v2/` | schema `v2/` | service | model |\n"
TABLE = PAGE.partition(HEAD)[2].partition("\n\n")[0].splitlines()[1:]
CONCEPTS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE]


def modules(layer: str) -> set[str]:
    """Return the modules and packages of a layer, as the table calls them."""
    found = {path.stem for path in (SHOP / layer).glob("*.py")}
    return found - {"__init__"} | {f"{path.parent.name}/" for path in (SHOP / layer).glob("*/*.py")}


def named(column: int) -> set[str]:
    """Return what a column of the table names beside files elsewhere."""
    cells = "\n".join(row[column].partition("none: ")[0] for row in CONCEPTS)
    return set(re.findall(r"`(\w[\w*]*/?)`", cells))


def test_the_picture_has_the_layers_of_setup() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    layers = setup["importlinter:contract:layers"]["layers"].split("\n")
    picture = PAGE.partition("```text\n")[2].partition("```")[0]
    drawn: list[str] = []
    for line in picture.splitlines():
        names = re.split(r" {2,}", line.strip())[0]
        if line.startswith(" "):
            drawn[-1] += f" {names}"
        else:
            drawn.append(names)
    assert [set(re.findall(r"\w+", line)) for line in drawn] == [
        set(re.findall(r"\w+", line)) for line in layers if line
    ]


@pytest.mark.parametrize(
    ("column", "layer"), [(2, "blueprints/v2"), (3, "schemas/v2"), (4, "services"), (5, "models")]
)
def test_each_module_stands_at_its_concept(column: int, layer: str) -> None:
    there, told = modules(layer), named(column)
    missing = {name for name in there if not any(fnmatch(name, words) for words in told)}
    # The sockets' routes are there for the document alone.
    assert missing <= {"sockets"}
    gone = {words for words in told if not any(fnmatch(name, words) for name in there)}
    # Beside modules of v2, packages that stand elsewhere.
    assert all((SHOP / words).is_dir() for words in gone), gone
    assert len(there) > 20


def test_each_file_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:\w+/)*(?:\w+\.py|\w+/))`", PAGE)
    homes = [ROOT, SHOP, ROOT / "tests"]
    homes += [SHOP / name for name in ("services", "gateways", "models", "blueprints")]
    lost = [name for name in named if not any((home / name).exists() for home in homes)]
    assert lost == []
    assert len(named) > 60


def test_each_folder_is_named() -> None:
    top = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"deploy", "migrations"}
    tests = {path.parent.name for path in ROOT.glob("tests/*/__init__.py")}
    assert {name for name in top - {"bookstore"} if f"`{name}/`" not in PAGE} == set()
    section = PAGE.partition("## Tests\n")[2]
    assert {name for name in tests if f"`{name}/`" not in section} == set()
