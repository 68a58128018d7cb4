"""A bucket that is a folder: for one machine, and for those who have no S3 to hand."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlencode

from bookstore import clock
from bookstore.gateways.storage import signing
from bookstore.gateways.storage.contract import (
    IMMUTABLE,
    BadKey,
    Form,
    NotStored,
    Refused,
    StoreError,
    TooLarge,
    WrongSize,
    checked,
)


class Chunks(Protocol):
    """Where the bytes of an upload come from."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield them, some at a time."""


class Twin:
    """Keeps each key as a file of that name below ``folder``; ``url`` is where it is served."""

    def __init__(self, folder: Path, url: str, secret: str) -> None:
        self.folder, self.url, self._secret = folder, url, secret

    # -- as any store ----------------------------------------------------------------------
    def form(self, key: str, content_type: str, size: int, seconds: int) -> Form:
        """Return a form for one file, signed by the shop."""
        until = (clock.now() + timedelta(seconds=seconds)).replace(microsecond=0)
        fields = signing.sign_form(self._secret, checked(key), content_type, size, until)
        return Form(self.url, fields, until)

    def size(self, key: str) -> int | None:
        """Return how many bytes are there."""
        with _told(), contextlib.suppress(FileNotFoundError):
            return self._path(key).stat().st_size
        return None

    def read(self, key: str, limit: int) -> bytes:
        """Return what is there."""
        with _told():
            try:
                with self._path(key).open("rb") as file:
                    data = file.read(limit + 1)
            except FileNotFoundError:
                raise NotStored(key) from None
        if len(data) > limit:
            raise TooLarge(key)
        return data

    def put(self, key: str, data: bytes, content_type: str, cache_control: str = IMMUTABLE) -> None:
        """Keep bytes, unless there are some; only covers are served from here, for good."""
        path = self._path(key)
        if not path.exists():
            with self._draft(path) as file:
                file.write(data)

    def delete(self, key: str) -> None:
        """Take it away."""
        with _told():
            self._path(key).unlink(missing_ok=True)

    def older(self, prefix: str, than: datetime) -> Iterator[str]:
        """Yield the keys of old files; drafts that a crash has left are taken away."""
        with _told():
            for path in (self.folder / prefix).rglob("*"):
                with contextlib.suppress(FileNotFoundError):  # somebody else was quicker
                    if not path.is_file() or path.stat().st_mtime >= than.timestamp():
                        continue
                    if path.name.startswith("."):
                        path.unlink()
                    else:
                        yield path.relative_to(self.folder).as_posix()

    def signed_url(self, key: str, seconds: int) -> str:
        """Return the path on the shop's own server, with its signature."""
        query = signing.sign_url(self._secret, checked(key), seconds)
        return f"/storage/{key}?{urlencode(query)}"

    # -- and what a store's own server does --------------------------------------------------
    def admit(self, fields: Mapping[str, str]) -> tuple[str, int, int]:
        """Return the key of a form, and the least and greatest size of its file; or Refused."""
        return signing.check_form(self._secret, fields)

    def receive(self, allowed: tuple[str, int, int], chunks: Chunks) -> None:
        """Keep the file of an admitted form, whole or not at all.

        Raises:
            WrongSize: it is smaller or larger than the form says.
            StoreError: the disk does not take it.
        """
        key, least, most = allowed
        with self._draft(self._path(key)) as file:
            count = 0
            for chunk in chunks:
                count += len(chunk)
                if count > most:
                    raise WrongSize(f"The file has more than the {most} bytes that were announced.")
                file.write(chunk)
            if count < least:
                raise WrongSize(f"The file has {count} of the {least} bytes that were announced.")

    def open(self, key: str, query: Mapping[str, str]) -> Path:
        """Return the file that a signed URL is about.

        Raises:
            Refused: the URL is forged, changed or too old.
            NotStored: there is no such file.
        """
        try:
            signing.check_url(self._secret, checked(key), query)
        except BadKey:
            raise Refused("The signature is not good.") from None
        path = self._path(key)
        if not path.is_file():
            raise NotStored(key)
        return path

    # -- inside ------------------------------------------------------------------------------
    def _path(self, key: str) -> Path:
        return self.folder / checked(key)

    @contextlib.contextmanager
    def _draft(self, path: Path) -> Iterator[IO[bytes]]:
        """Write beside a file's place, and move it there when all is well and on the disk."""
        # The dot keeps it apart from every key.
        draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
        with _told():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(number, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                draft.rename(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    draft.unlink()
                raise


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"the folder of files: {error.strerror}") from error
