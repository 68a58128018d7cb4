"""A bucket of S3, or of anything that speaks S3's protocol. Only imported when there is one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bookstore import clock, traces
from bookstore.gateways.storage.contract import (
    IMMUTABLE,
    Form,
    NotStored,
    StoreError,
    TooLarge,
    checked,
)

_CONFIG = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    connect_timeout=2,
    read_timeout=5,
    retries={"total_max_attempts": 3, "mode": "standard"},
    # Many that speak S3's protocol do not know its newer checksums.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
_GONE = frozenset({"404", "NoSuchKey", "NotFound"})


@cache
def bucket(name: str, endpoint: str | None, region: str) -> "Bucket":
    """Return a bucket; its client takes long to make, and all threads may share it.

    Raises:
        StoreError: there are no credentials; asked again, they are looked for again.
    """
    return Bucket(name, endpoint, region)


class Bucket:
    """One bucket. Keys and tokens come from where boto3 looks for them (environment, role, …)."""

    def __init__(self, name: str, endpoint: str | None, region: str) -> None:
        self.name = name
        # A session of its own: the default one is no matter for threads.
        session = boto3.session.Session()
        with _told():
            if session.get_credentials() is None:
                raise StoreError("S3: there are no credentials")
            self._client: Any = session.client(
                "s3", endpoint_url=endpoint, region_name=region, config=_CONFIG
            )

    def form(self, key: str, content_type: str, size: int, seconds: int) -> Form:
        """Return a presigned POST."""
        until = clock.now() + timedelta(seconds=seconds)
        with _told():
            made = self._client.generate_presigned_post(
                self.name,
                checked(key),
                Fields={"Content-Type": content_type},
                Conditions=[
                    {"Content-Type": content_type},
                    ["content-length-range", size, size],
                ],
                ExpiresIn=seconds,
            )
        return Form(made["url"], made["fields"], until.replace(microsecond=0))

    def size(self, key: str) -> int | None:
        """Return how many bytes are there."""
        with _told():
            try:
                return int(self._call("head_object", Key=key)["ContentLength"])
            except NotStored:
                return None

    def read(self, key: str, limit: int) -> bytes:
        """Return what is there."""
        with _told(), closing(self._call("get_object", Key=key)["Body"]) as body:
            data = bytes(body.read(limit + 1))
        if len(data) > limit:
            raise TooLarge(key)
        return data

    def put(self, key: str, data: bytes, content_type: str, cache_control: str = IMMUTABLE) -> None:
        """Keep bytes, unless they are there."""
        wanted = {
            "Key": key,
            "Body": data,
            "ContentType": content_type,
            "CacheControl": cache_control,
        }
        with _told():
            try:
                self._call("put_object", **wanted, IfNoneMatch="*")
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code == "NotImplemented":
                    # Two at the same moment write what is as good.
                    self._call("put_object", **wanted)
                elif code not in {"PreconditionFailed", "412"}:
                    raise

    def delete(self, key: str) -> None:
        """Take it away."""
        with _told():
            self._call("delete_object", Key=key)

    def older(self, prefix: str, than: datetime) -> Iterator[str]:
        """Yield the keys of old objects."""
        with _told():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix):
                for found in page.get("Contents", []):
                    if found["LastModified"] < than:
                        yield str(found["Key"])

    def signed_url(self, key: str, seconds: int) -> str:
        """Return a presigned URL."""
        params = {"Bucket": self.name, "Key": checked(key)}
        with _told():
            return str(
                self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds)
            )

    def _call(self, name: str, **params: Any) -> Any:
        checked(params["Key"])
        try:
            with traces.span(f"s3 {name}", "client"):
                return getattr(self._client, name)(Bucket=self.name, **params)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                raise NotStored(params["Key"]) from None
            raise


@contextmanager
def _told() -> Iterator[None]:
    """Turn whatever boto3 raises into ours; its messages name no secret."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"S3: {error}") from error
