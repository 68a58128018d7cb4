"""Exports, which imports read back; the cells of both; the commands for both."""

import csv
import io
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from bookstore.cli.catalog import catalog_cli
from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services import catalog_export, catalog_import
from bookstore.services.actors import SYSTEM
from bookstore.services.html import sanitise_html
from bookstore.services.imports import cells
from tests.services.imports import GOOD, book, counts, load


def exported() -> str:
    stream = io.StringIO()
    catalog_export.write_csv(stream)
    return stream.getvalue()


def test_what_is_exported_changes_nothing_when_imported(app: Flask, tmp_path: Path) -> None:
    catalog_import.load_sample(SYSTEM)
    hostile = (
        "title,authors,price,publisher,categories,sku,description,stock,weight,tax_category\n"
        '"=cmd|x!A1","Semi\\;Colon;+Plus Sign",1,@home,-Dash;A\\;B,-sku,"<p>1</p>\n\n@two",3,9,a\n'
        "=1+1,-7,1,,,-273,,1,,\n-273,'-273,1,＝wide,,,-1.50,1,,\n"
        "'=quoted,''-twice,1,'plain,Mixed,''@,'=also,0,0,\n"
    )
    assert counts(load(tmp_path, hostile))[0] == 4
    assert book("=cmd|x!A1").authors[0].full_name == "Semi;Colon"
    text = exported()
    assert "'=cmd|x!A1" in text
    for row in csv.reader(io.StringIO(text)):
        starts = tuple("=+-@\t\r\n＝＋－＠")
        # Numbers stay what they are; all else that a spreadsheet might run is text to it.
        assert {cell for cell in row if cell.startswith(starts)} <= {"-273", "-7", "-1.50"}
    total = db.session.scalar(select(func.count()).select_from(Book))
    assert counts(load(tmp_path, text, set_stock=True)) == (0, 0, total, 0)
    assert exported() == text


@pytest.mark.parametrize("text", [*"-'", "", "'x", "a=b", "-5-5", "'-5", "=1", "'=1", "''@x"])
@pytest.mark.parametrize("start", ["", "\t", "\r", "\n", "＝", "－", "+"])
def test_guarding_is_undone(start: str, text: str) -> None:
    text = start + text
    assert cells.unguard(cells.guard(text)) == text
    assert cells.guard(text)[:1] not in set("=+-@\t\r\n＝＋－＠")
    for number in ("-5", "-5.00", "5"):
        assert cells.guard(number) == cells.unguard(number) == number


def test_lists_are_split_as_they_were_joined() -> None:
    names = ["a", "b;c", "d\\", "\\;e", "f g"]
    assert cells.split(cells.join(names)) == names
    assert cells.split(" a ;; b  c;") == ["a", "b c"]


def test_descriptions_keep_harmless_markup_only() -> None:
    dirty = '<p onclick=x>Hi <script>alert(1)</script><a href="javascript:x">a</a><b>b</b>'
    clean = sanitise_html(dirty)
    assert "script" not in clean
    assert "onclick" not in clean
    assert "<b>b</b>" in clean
    assert sanitise_html(clean) == clean
    assert sanitise_html('<a href="https://x/">x</a>').startswith('<a href="https://x/"')
    assert sanitise_html("Tom & Jerry") == sanitise_html(sanitise_html("Tom & Jerry"))


def test_commands(app: Flask, tmp_path: Path) -> None:
    run = app.test_cli_runner().invoke
    path = tmp_path / "books.csv"
    path.write_text(GOOD)
    dry = run(catalog_cli, ["import", str(path), "--dry-run"])
    assert dry.stdout == "dry run: 2 created, 0 updated, 0 unchanged, 0 bad\n"
    first = run(catalog_cli, ["import", str(path)])
    assert (first.exit_code, first.stdout) == (0, "2 created, 0 updated, 0 unchanged, 0 bad\n")
    path.write_text(GOOD + "No Price,Ann,,,,,,,,,,,\n")
    second = run(catalog_cli, ["import", str(path)])
    assert second.exit_code == 1
    assert second.stdout == "0 created, 0 updated, 2 unchanged, 1 bad\n"
    assert "row 4: price: is missing\n" in second.stderr
    target = tmp_path / "out.csv"
    assert run(catalog_cli, ["export", str(target)]).exit_code == 0
    assert run(catalog_cli, ["export"]).stdout == target.read_text() == exported()
    assert run(catalog_cli, ["reindex"]).stdout == "2 books indexed\n"
    folder = run(catalog_cli, ["export", str(tmp_path)])
    assert (folder.exit_code, folder.stderr) == (1, f"Error: {tmp_path}: Is a directory\n")
    missing = run(catalog_cli, ["import", str(tmp_path / "missing.csv")])
    assert missing.exit_code == 1
    assert "missing.csv" in missing.stderr
    assert len(missing.stderr.splitlines()) <= 2
