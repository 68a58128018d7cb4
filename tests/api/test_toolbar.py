"""Flask-DebugToolbar: in the pages when it is asked for, and else nowhere."""

import sys

import pytest

from bookstore.config import BadSetting, Settings
from tests.api.test_health import another
from tests.clients import Client, ok
from tests.conftest import SECRET, Apps

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
MARK = 'id="flDebug"'


def test_it_is_in_the_pages(apps: Apps, database: str) -> None:
    apps.empty(database)
    with another(apps.settings(database, debug_toolbar=True)) as client:
        page = client.http.get("/reset-password")
        assert MARK in page.get_data(as_text=True)
        # Its inline script may run, and nothing of another origin.
        policy = dict(
            part.strip().split(" ", 1)
            for part in page.headers["Content-Security-Policy"].split(";")
            if " " in part.strip()
        )
        assert "'unsafe-inline'" in policy["script-src"]
        assert "'unsafe-inline'" in policy["style-src"]
        assert "nonce" not in policy["script-src"]
        assert policy["default-src"] == "'none'"
        script = client.http.get("/_debug_toolbar/static/js/toolbar.js")
        assert script.status_code == 200
        script.close()
        # Answers for programs are as they were.
        assert ok(client.get("/books"))["data"] == []
        # None of the keys is printed.
        assert SECRET not in page.get_data(as_text=True)


def test_it_is_off(client: Client) -> None:
    page = client.http.get("/reset-password")
    assert MARK not in page.get_data(as_text=True)
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in page.headers
    assert client.http.get("/_debug_toolbar/static/js/toolbar.js").status_code == 404


def test_production_refuses_it(database: str) -> None:
    with pytest.raises(BadSetting, match="DEBUG_TOOLBAR: must not be on in production"):
        Settings.from_environ(
            {"BOOKSTORE_ENV": "production", "SECRET_KEY": SECRET, "DEBUG_TOOLBAR": "true"}
        )


def test_who_has_not_installed_it_is_told(
    apps: Apps, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flask_debugtoolbar", None)
    with (
        pytest.raises(BadSetting, match="pip install flask-debugtoolbar"),
        another(apps.settings(database, debug_toolbar=True)),
    ):
        pass
