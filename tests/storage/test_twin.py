"""The folder: what is only true of it, and what its routes make of odd requests."""

import io
import os
import socket
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

from bookstore import clock
from bookstore.gateways.storage import StoreError, Twin
from tests.clients import Client, problem
from tests.storage.conftest import Kept

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"]),
    pytest.mark.parametrize("store_kind", ["twin"]),
]
KEY = f"incoming/1/{'k' * 24}"
DATA = b"twelve bytes"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_files_are_the_owners_own(kept: Kept, tmp_path: Path) -> None:
    assert kept.send(kept.store.form(KEY, "image/png", len(DATA), 60), DATA) == 204
    [path] = files(tmp_path / "storage")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_breaks_off_leaves_nothing(kept: Kept, tmp_path: Path) -> None:
    form = kept.store.form(KEY, "image/png", 10**6, 60)
    parts = requests.Request(
        "POST", form.url, data=form.fields, files={"file": ("a", bytes(10**6))}
    ).prepare()
    assert isinstance(parts.body, bytes)
    address = urlsplit(form.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        head = f"POST {address.path} HTTP/1.1\r\nHost: shop\r\nContent-Type: "
        head += f"{parts.headers['Content-Type']}\r\nContent-Length: {len(parts.body)}\r\n\r\n"
        connection.sendall(head.encode() + parts.body[:500_000])
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(65536).partition(b"\r\n")[0]
    assert files(tmp_path / "storage") == []


def test_a_size_that_differs_leaves_nothing(kept: Kept, tmp_path: Path) -> None:
    form = kept.store.form(KEY, "image/png", len(DATA), 60)
    assert kept.send(form, DATA + b"!") == 400
    assert kept.send(form, DATA[1:]) == 400
    assert files(tmp_path / "storage") == []


def test_a_forged_form_is_refused_before_its_file(kept: Kept, shop: Flask) -> None:
    form = kept.store.form(KEY, "image/png", len(DATA), 60)
    fields = {**form.fields, "x-amz-signature": "0" * 64}
    body = requests.Request("POST", form.url, data=fields, files={"file": ("a", bytes(3 * 10**6))})
    sent = body.prepare()

    assert isinstance(sent.body, bytes)
    watched = io.BytesIO(sent.body)
    answer = shop.test_client().post(
        "/storage",
        input_stream=watched,
        content_type=sent.headers["Content-Type"],
        content_length=len(sent.body),
    )
    problem(answer, 403, "storage_refused")
    assert watched.tell() < 200_000


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
        (b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
        (b"junk", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"x", {"Content-Type": "multipart/form-data"}, 415),
        (b"x" * 11_000_000, {"Content-Type": "multipart/form-data; boundary=b"}, 413),
    ],
)
def test_what_is_no_form(
    kept: Kept, body: bytes, headers: dict[str, str], status: int, shop: Flask
) -> None:
    answer = shop.test_client().post("/storage", data=body, headers=headers)
    assert answer.status_code == status, answer.data


def test_odd_parts(kept: Kept, tmp_path: Path) -> None:
    form = kept.store.form(KEY, "image/png", len(DATA), 60)
    many = [(f"x-{number}", (None, b"")) for number in range(100)]
    fields = [(name, (None, value)) for name, value in form.fields.items()]
    file = [("file", ("a", DATA))]
    for parts in (
        [("image", ("a", DATA))],
        many + fields + file,
        [("key", (None, bytes(1_000_000)))],
        [("key", (None, b"\xff"))],
        [*fields, ("", (None, b"x")), *file],
        # S3 takes no notice of what comes behind the file, so the policy is missing.
        file + fields,
    ):
        answer = requests.post(form.url, files=parts, timeout=20)
        assert answer.status_code in {400, 403, 413}, answer.text
    assert files(tmp_path / "storage") == []
    assert requests.post(form.url, files=fields + file, timeout=20).status_code == 204


def test_a_body_without_a_length(kept: Kept) -> None:
    form = kept.store.form(KEY, "image/png", len(DATA), 60)
    answer = requests.post(form.url, data=iter([b"x"]), timeout=20)
    assert answer.status_code == 411


def test_links_lead_nowhere_else(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the shop")
    query = kept.store.signed_url(KEY, 60).partition("?")[2]
    for path in ("../secret", "%2e%2e/secret", "incoming/..%2f..%2fsecret", ".x", ""):
        answer = requests.get(f"{kept.url}/storage/{path}?{query}", timeout=20)
        assert answer.status_code in {403, 404, 405}
    for odd in (
        "expires=x&signature=y",
        "expires=&signature=",
        "signature=é",
        "expires=9&expires=1",
    ):
        answer = requests.get(f"{kept.url}/storage/{KEY}?{odd}", timeout=20)
        assert answer.status_code == 403
    assert requests.get(f"{kept.url}/storage/{KEY}?{query}", timeout=20).status_code == 404


def test_a_link_is_shown_and_no_more(kept: Kept) -> None:
    assert kept.send(kept.store.form(KEY, "image/png", len(DATA), 60), DATA) == 204
    answer = kept.fetch(kept.store.signed_url(KEY, 60))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "sandbox"} <= set(policy)
    # The pages of other sites may show it.
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_a_signature_of_another_shop(kept: Kept, tmp_path: Path) -> None:
    other = Twin(tmp_path / "storage", f"{kept.url}/storage", "another secret of another shop")
    assert kept.send(other.form(KEY, "image/png", len(DATA), 60), DATA) == 403
    assert kept.fetch(other.signed_url(KEY, 60)).status_code == 403


def test_drafts_that_a_crash_left_are_taken_away(kept: Kept, tmp_path: Path) -> None:
    kept.store.put(KEY, DATA, "image/png")
    draft = tmp_path / "storage/incoming/1/.0123.tmp"
    draft.write_bytes(b"half")
    hour = (clock.now() - timedelta(hours=1)).timestamp()
    os.utime(draft, (hour, hour))
    assert list(kept.store.older("incoming/", clock.now() - timedelta(minutes=1))) == []
    assert [path.name for path in files(tmp_path / "storage")] == [KEY.rpartition("/")[2]]


def test_a_folder_that_cannot_be_written(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("in the way")
    with pytest.raises(StoreError, match="folder"):
        kept.store.put(KEY, DATA, "image/png")
    form = kept.store.form(KEY, "image/png", len(DATA), 60)
    answer = requests.post(form.url, data=form.fields, files={"file": ("a", DATA)}, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")


def test_with_a_bucket_the_shop_takes_no_files(
    kept: Kept, shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = kept.store.form(KEY, "image/png", len(DATA), 60)
    link = kept.store.signed_url(KEY, 60)
    changed = replace(shop.config["SETTINGS"], s3_bucket="shop-covers")
    monkeypatch.setitem(shop.config, "SETTINGS", changed)
    assert kept.send(form, DATA) == 404
    problem(Client(shop).http.get(link), 404, "not_found")
