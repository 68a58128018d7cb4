"""The generated Python client: whole, typed, and good for a reader's whole journey."""

import asyncio
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from client_generators import writing
from tests.clients import LiveShop
from tests.factories import make_book
from tests.processes import ROOT


@pytest.fixture
def package(python_client: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(python_client)
    return importlib.import_module("bookstore_client")


def test_it_has_every_operation_and_no_other(python_client: Path, operation_ids: set[str]) -> None:
    modules = (python_client / "bookstore_client" / "api").glob("*/[!_]*.py")
    names = [module.stem for module in modules]
    assert len(names) == len(set(names)) == len(operation_ids)
    assert set(names) == operation_ids


def test_a_document_that_cannot_be_expressed_is_refused(clients: Path, tmp_path: Path) -> None:
    # The generator itself would only warn, and leave the operation out.
    document = json.loads((clients / "v2.json").read_text())
    nowhere = {"$ref": "#/components/schemas/Nowhere"}
    document["components"]["schemas"]["Order"]["properties"]["items"] = nowhere
    (tmp_path / "v2.json").write_text(json.dumps(document))
    with pytest.raises(subprocess.CalledProcessError):
        writing.python(tmp_path / "v2.json", tmp_path / "python")


def test_it_has_no_name_that_a_generator_made_up(python_client: Path) -> None:
    names = {file.stem for file in (python_client / "bookstore_client" / "models").glob("*.py")}
    assert len(names) > 100
    assert [name for name in names if re.search(r"_type_\d|\d$", name)] == []


def test_its_types_and_those_of_a_program_hold(python_client: Path, tmp_path: Path) -> None:
    def check(program: str) -> str:
        (tmp_path / "program.py").write_text(program)
        command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(config)]
        places = [str(python_client / "bookstore_client"), str(tmp_path / "program.py")]
        done = subprocess.run(
            [*command, *places], cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
        return done.stdout

    config = tmp_path / "mypy.ini"
    # Of the project, only what the program imports, and that silently.
    config.write_text(
        f"[mypy]\nmypy_path = {python_client}:{ROOT}\nnamespace_packages = True\n"
        "[mypy-tests.*]\nfollow_imports = skip\n"
    )
    journey = (ROOT / "tests/client_generators/journey.py").read_text()
    assert check(journey).startswith("Success"), check(journey)
    for good, bad in (
        ("quote.total)", "quote.grand_total)"),
        ("book_id=book.id,", "book_id=book.title,"),
        ("shipping_address=ADDRESS, expected", "expected"),
    ):
        assert good in journey
        assert "Found 1 error" in check(journey.replace(good, bad)), bad


@pytest.mark.usefixtures("package")
def test_a_reader_buys_with_it(shop: Flask, live: LiveShop) -> None:
    journey = importlib.import_module("tests.client_generators.journey")
    title, other = "The Left Hand of Darkness", "A Wizard of Earthsea"
    with shop.app_context():
        make_book(title, price=1250, stock=5)
        make_book(other, price=800, stock=5)
    order, history, invoice = journey.walk(live.url, title, other)
    assert {(item.title, item.quantity) for item in order.items} == {(title, 2), (other, 1)}
    assert order.subtotal == "33.00"
    assert order.payment_status == "paid"
    assert order.paid_at.tzinfo is not None
    assert history == [(None, "pending"), ("pending", "processing")]
    assert "<!doctype html>" in invoice.lower()
    assert order.number in invoice


def test_it_can_wait_for_many_answers_at_once(package: Any, shop: Flask, live: LiveShop) -> None:
    get_book = importlib.import_module("bookstore_client.api.catalog.catalog_get_book")
    with shop.app_context():
        ids = [make_book().id for _ in range(3)]

    async def ask() -> list[Any]:
        async with package.Client(base_url=live.url) as client:
            asked = [get_book.asyncio(one, client=client) for one in [*ids, 10**17]]
            return await asyncio.gather(*asked)

    *books, problem = asyncio.run(ask())
    assert [book.id for book in books] == ids
    assert (problem.code, problem.status) == ("not_found", 404)
