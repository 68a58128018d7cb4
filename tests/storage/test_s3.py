"""A bucket that is not as it should be, or not there. What SeaweedFS would not do, moto does."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from bookstore import clock
from bookstore.gateways.storage import StoreError, s3
from bookstore.gateways.storage.s3 import Bucket

KEY = "covers/aaaaaaaaaaaaaaaaaaaaaaaaaa.webp"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


def test_a_bucket_that_is_not_there(aws: Any) -> None:
    bucket = Bucket("nobodys-bucket", None, "us-east-1")
    for attempt in (
        lambda: bucket.read(KEY, 1),
        lambda: bucket.put(KEY, b"x", "image/webp"),
        lambda: bucket.delete(KEY),
        lambda: list(bucket.older("incoming/", clock.now())),
    ):
        with pytest.raises(StoreError, match="NoSuchBucket"):
            attempt()


def test_a_region_is_signed_for(aws: Any) -> None:
    bucket = Bucket("shop-covers", None, "eu-central-1")
    form = bucket.form("incoming/1/x", "image/png", 5, 60)
    assert form.fields["x-amz-credential"].split("/")[2:] == ["eu-central-1", "s3", "aws4_request"]
    assert form.url.endswith("/shop-covers")
    assert "X-Amz-Expires=60" in bucket.signed_url(KEY, 60)


def test_a_long_list_has_pages(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    aws.create_bucket(Bucket="shop-covers")
    for number in range(25):
        aws.put_object(Bucket="shop-covers", Key=f"incoming/1/{number}", Body=b"")
    bucket = Bucket("shop-covers", None, "us-east-1")
    soon = clock.now() + timedelta(minutes=1)
    assert len(set(bucket.older("incoming/", soon))) == 25


def test_without_keys_it_is_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreError, match="credentials"):
        s3.bucket("shop-covers", None, "us-east-1")
    # A role of the machine may come late; nothing is remembered of the time before.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    assert s3.bucket("shop-covers", None, "us-east-1").signed_url(KEY, 60)


def test_nobody_listens() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        bucket = Bucket("shop-covers", "http://127.0.0.1:9", "us-east-1")
    with pytest.raises(StoreError, match="connect"):
        bucket.size(KEY)


class Answering:
    """A server that answers each request as ``answer`` says: (status, S3's code)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []
        self.answer = lambda _conditional: (200, "")

    def __enter__(self) -> "Answering":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                conditional = "If-None-Match" in self.headers
                outer.seen.append((self.command, conditional))
                status, code = outer.answer(conditional)
                body = b"" if status == 200 else f"<Error><Code>{code}</Code></Error>".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_PUT = do_GET = do_HEAD = do_DELETE = _do  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Answering, Bucket]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with Answering() as server:
        yield server, Bucket("shop-covers", server.url, "us-east-1")


def test_one_that_knows_no_conditions(odd: tuple[Answering, Bucket]) -> None:
    server, bucket = odd
    server.answer = lambda conditional: (501, "NotImplemented") if conditional else (200, "")
    bucket.put(KEY, b"x", "image/webp")
    assert server.seen[-1] == ("PUT", False)


def test_one_that_is_overloaded_is_asked_three_times(odd: tuple[Answering, Bucket]) -> None:
    server, bucket = odd
    server.answer = lambda _: (503, "SlowDown")
    with pytest.raises(StoreError, match="SlowDown"):
        bucket.put(KEY, b"x", "image/webp")
    assert len(server.seen) == 3


def test_one_that_refuses_us_is_away(odd: tuple[Answering, Bucket]) -> None:
    server, bucket = odd
    server.answer = lambda _: (403, "AccessDenied")
    with pytest.raises(StoreError, match="AccessDenied|Forbidden"):
        bucket.size(KEY)
    with pytest.raises(StoreError, match="AccessDenied"):
        bucket.put(KEY, b"x", "image/webp")
