"""An import that is interrupted goes on behind what it has done, and its report is whole."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from bookstore.extensions import db
from bookstore.models import Event
from bookstore.services import catalog_import, catalog_imports
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot
from tests.services.job_kinds import row, run_with_interruptions


def test_it_goes_on_wherever_it_was_interrupted(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_import, "BATCH", 2)
    lines = [f"Book {n},Ann Author,{'x' if n == 1 else n},sku-{n % 6}" for n in range(8)]
    data = "\n".join(["title,authors,price,sku", *lines]).encode()
    job_id = catalog_imports.start(SYSTEM, data=data, url=None).id
    run_with_interruptions(monkeypatch, job_id, at_most=9)
    result = row(job_id).result
    assert result is not None
    assert result["counts"] == {"created": 6, "updated": 0, "unchanged": 0, "refused": 2}
    assert [line.partition(": ")[0] for line in result["refused"]] == ["row 3", "row 8"]
    assert "sku: is the same as in row 2" in result["refused"][1]
    new_snapshot()
    told = select(func.count()).where(Event.type == "book.created")
    assert db.session.scalar(told) == 6
