"""The store of files as services and routes see it: its errors are the shop's."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bookstore import errors
from bookstore.extensions import settings
from bookstore.gateways import storage
from bookstore.gateways.storage import Store, Twin
from bookstore.models.covers import MAX_BYTES

log = logging.getLogger(__name__)

IMMUTABLE, PRIVATE = storage.IMMUTABLE, storage.PRIVATE
# The largest cover, and room for the form around it.
BODY_LIMIT = MAX_BYTES + 64 * 1024
# A redirect may be kept half as long as what it leads to can be read.
LINK_SECONDS = 3600
# base32 of the first 128 bits of a SHA-256: letters of one case, for file systems that know one.
NAME = re.compile(r"[a-z2-7]{26}")


@contextmanager
def asking() -> Iterator[Store]:
    """Yield the store.

    Raises:
        StorageUnavailable: it cannot be asked.
    """
    try:
        yield storage.store(settings())
    except storage.StoreError as error:
        log.error("the store is away", extra={"why": str(error)})
        raise errors.StorageUnavailable from error


def cover_link(name: str) -> str:
    """Return a URL (or a path of the shop's) by which a cover can be read for an hour.

    Raises:
        NotFound: no cover has such a name. Whether there is one of a right name, the store says.
        StorageUnavailable: there are no credentials to sign with.
    """
    if NAME.fullmatch(name) is None:
        raise errors.NotFound("There is no such cover.")
    with asking() as store:
        return store.signed_url(f"covers/{name}.webp", LINK_SECONDS)


def admit(fields: Mapping[str, str]) -> tuple[str, int, int]:
    """Return what ``receive`` wants to know of a form that was sent to the shop itself.

    Raises:
        NotFound: files are sent to S3.
        StorageRefused: the form is forged, changed or too old.
    """
    try:
        return _twin().admit(fields)
    except storage.Refused as error:
        raise errors.StorageRefused(str(error)) from None


def receive(allowed: tuple[str, int, int], chunks: Iterator[bytes]) -> None:
    """Keep the file of an admitted form.

    Raises:
        UploadSize: it has not the size that the form is for.
        StorageUnavailable: the disk is full, say.
    """
    with asking():
        try:
            _twin().receive(allowed, chunks)
        except storage.WrongSize as error:
            raise errors.UploadSize(str(error)) from None


def open_file(key: str, query: Mapping[str, str]) -> Path:
    """Return the file that a signed link to the shop itself is about.

    Raises:
        NotFound: there is no such file, or files are in S3.
        StorageRefused: the link is forged, changed or too old.
    """
    try:
        return _twin().open(key, query)
    except storage.NotStored:
        raise errors.NotFound("There is no such file.") from None
    except storage.Refused as error:
        raise errors.StorageRefused(str(error)) from None


def _twin() -> Twin:
    if settings().s3_bucket is not None:
        raise errors.NotFound("Files are not kept here.")
    return storage.twin(settings())
