"""The doctor says when the server takes fewer connections than the shop may open."""

from dataclasses import replace

import pytest
from flask import Flask

from bookstore.services import database_checks
from tests.shells import opened


def test_there_is_room_for_all_processes(
    app: Flask, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(database_checks.examine()) == []
    many = replace(app.config["SETTINGS"], web_workers=60, web_threads=7)
    monkeypatch.setitem(app.config, "SETTINGS", many)
    found = list(database_checks.examine())
    if database == "sqlite":
        assert found == []
    else:
        assert found == [
            "database: the shop's processes may open 600 connections, and the server takes 297: "
            "raise max_connections, lower WEB_THREADS, or put a pooler between"
        ]


def test_a_shell_that_lets_people_think_is_no_fault(app: Flask) -> None:
    with opened(app) as names:
        assert list(names["db"].session.execute(names["select"](1))) == [(1,)]
        assert list(database_checks.examine()) == []
