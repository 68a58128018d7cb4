"""The shop's server with each of its two stores: the folder, and a bucket of a real S3 server."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from bookstore.extensions import settings
from bookstore.gateways import storage
from bookstore.gateways.storage import Form, Store
from tests.seaweed import Seaweed, program


@dataclass(frozen=True)
class Kept:
    """A store, and clients of it who know no more than what they are handed."""

    store: Store
    url: str  # of the shop

    def send(self, form: Form, data: bytes, **changes: Any) -> int:
        """Send a file by a form, perhaps a changed one; return the status."""
        fields = {**form.fields, **{k.replace("_", "-"): v for k, v in changes.items()}}
        fields = {name: value for name, value in fields.items() if value is not None}
        file = {"file": ("cover.bin", data)}
        return requests.post(form.url, data=fields, files=file, timeout=20).status_code

    def fetch(self, url: str) -> requests.Response:
        """GET what a signed URL is about."""
        return requests.get(url if "://" in url else f"{self.url}{url}", timeout=20)

    def bare(self, key: str) -> str:
        """Where a key is, without a signature."""
        url = self.store.signed_url(key, 60).partition("?")[0]
        return url if "://" in url else f"{self.url}{url}"


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """The S3 server, one a test worker."""
    if program() is None:
        pytest.skip("there is no wheel of SeaweedFS for this machine")
    with Seaweed(tmp_path_factory.mktemp("seaweed") / "data") as server:
        os.environ.update(server.environ)
        yield server
        for name in server.environ:
            del os.environ[name]


@pytest.fixture(params=["twin", "s3"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kept(
    shop: Flask,
    store_kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Kept]:
    """The shop, over HTTP, with one of the stores."""
    server = make_server("127.0.0.1", 0, shop, threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    changed: dict[str, Any] = {"public_url": url, "bookstore_home": tmp_path}
    if store_kind == "s3":
        changed |= request.getfixturevalue("seaweed").settings
    monkeypatch.setitem(shop.config, "SETTINGS", replace(shop.config["SETTINGS"], **changed))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with shop.app_context():
        yield Kept(storage.store(settings()), url)
    server.shutdown()
    server.server_close()
    thread.join()
