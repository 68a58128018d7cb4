"""Files that staff sends and a job works at: kept in the store, or fetched from an address.

A job that is begun again finds the same bytes: what was fetched is kept before it is read.
"""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from bookstore import clock, errors
from bookstore.extensions import db, settings
from bookstore.gateways import addresses, downloads
from bookstore.gateways.storage import NotStored, TooLarge
from bookstore.models import PriceUpdate
from bookstore.services import storage
from bookstore.services.actors import Acting, require_staff
from bookstore.unit_of_work import new_snapshot

FOLDER = "imports/"
# A worker that was away for longer finds no file any more.
LIFETIME = timedelta(days=7)
DOWNLOAD_SECONDS = 300.0


def accept(actor: Acting, data: bytes | None, url: str | None) -> str | None:
    """Keep what was sent and return its key; None if it is to be fetched from an address.

    Raises:
        Forbidden: not staff.
        UrlNotAllowed: the address leads where nothing of ours may go; every attempt looks again.
        StorageUnavailable: the store cannot be asked.
    """
    require_staff(actor)
    if url is not None:
        addresses.check_url(url, allow_private=settings().allows_private_networks)
    return None if data is None else keep(data)


def keep(data: bytes) -> str:
    """Keep what was sent and return its key.

    Raises:
        StorageUnavailable: the store cannot be asked.
    """
    key = f"{FOLDER}{secrets.token_urlsafe(18)}"
    with storage.asking() as store:
        store.put(key, data, "application/octet-stream", storage.PRIVATE)
    return key


def fetch(url: str, most: int) -> str:
    """Keep what is at an address and return its key.

    Raises:
        FileUnavailable: it cannot be had, or has more than ``most`` bytes.
        StorageUnavailable: the store cannot be asked.
    """
    new_snapshot()  # strangers are not waited for in a transaction
    with tempfile.TemporaryFile() as file:
        try:
            downloads.fetch(
                url,
                file,
                most=most,
                seconds=DOWNLOAD_SECONDS,
                allow_private=settings().allows_private_networks,
            )
        except downloads.DownloadFailed as error:
            raise errors.FileUnavailable(f"could not be fetched: {error}") from None
        file.seek(0)
        return keep(file.read())


@contextmanager
def local_copy(key: str, most: int) -> Iterator[Path]:
    """Yield a file of this machine with what is under a key, for a while.

    Raises:
        FileUnavailable: there is nothing, or more than ``most`` bytes.
        StorageUnavailable: the store cannot be asked.
    """
    new_snapshot()
    try:
        with storage.asking() as store:
            data = store.read(key, most)
    except NotStored:
        raise errors.FileUnavailable("is not there any more") from None
    except TooLarge:
        raise errors.FileUnavailable(f"has more than {most:,} bytes") from None
    with tempfile.NamedTemporaryFile(prefix="bookstore-") as file:
        file.write(data)
        file.flush()
        del data
        yield Path(file.name)


def drop(key: str | None) -> None:
    """Delete what is under a key; what cannot be now is for ``forget_old``."""
    if key is None:
        return
    try:
        with storage.asking() as store:
            store.delete(key)
    except errors.StorageUnavailable:
        return


def forget_old() -> int:
    """Delete files that are past their time and that no price update waits for; return how many.

    Raises:
        StorageUnavailable: the store cannot be asked.
    """
    new_snapshot()
    awaited = set(db.session.scalars(select(PriceUpdate.key).where(PriceUpdate.key.is_not(None))))
    new_snapshot()
    count = 0
    with storage.asking() as store:
        for key in store.older(FOLDER, clock.now() - LIFETIME):
            if key not in awaited:
                store.delete(key)
                count += 1
    return count
