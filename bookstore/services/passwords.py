"""How passwords are kept, how many are checked at once, and which are not taken.

Argon2 is slow on purpose, so whoever sends enough logins could have every thread and processor
hashing. Each process checks one password at a time and lets a few wait; the others are told at once
to come again.
"""

import importlib.util
import runpy
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.models import User

# OWASP's cheaper argon2id (19 MiB, 2 passes, 1 lane), about 50 ms: the dearer default takes
# 300 ms and 64 MiB, so that a handful of logins a second would stop the whole shop.
HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),))

# At work and waiting, of the threads of a process (8, unless it is told otherwise): those that
# wait are missing elsewhere.
AT_ONCE, IN_ALL, WAIT_SECONDS = 1, 4, 2.0

_turns = threading.BoundedSemaphore(AT_ONCE)
_room = threading.BoundedSemaphore(IN_ALL)
# Checked against when the user is unknown, so that both cases take the same time.
_NOBODY = HASHER.hash(uuid.uuid4().hex)
_MIN_LENGTH = 8


def require_room() -> None:
    """Refuse at once, before anything is looked up, when ``verify`` would.

    Raises:
        LoginsBusy: too many are at it.
    """
    if not _room.acquire(blocking=False):
        raise errors.LoginsBusy
    _room.release()


def make_hash(password: str) -> str:
    """Return what is stored of a password.

    Raises:
        LoginsBusy: too many are at it.
    """
    with _turn():
        return HASHER.hash(password)


def verify(password: str, stored: str | None) -> tuple[bool, str | None]:
    """Return whether it is the password, and its hash anew if that is due.

    Without a stored hash it is not, and takes as long.

    Raises:
        LoginsBusy: too many are at it.
    """
    with _turn():
        good, fresh = HASHER.verify_and_update(password, _NOBODY if stored is None else stored)
    return good and stored is not None, fresh


def locked_hash(session: Session, user_id: int) -> str | None:
    """Return what is stored of an active user's password, and keep others from changing it.

    For whoever does something by a password that was checked before: the hash says if it still is
    the one.
    """
    stored: str | None = session.scalar(
        select(User.password_hash)
        .where(User.id == user_id, User.is_active)
        .with_for_update(key_share=True)
    )
    return stored


def check(password: str, *names: str) -> None:
    """Refuse a password that is among the first to be guessed (NIST SP 800-63B, 3.1.1.2).

    Nothing is asked of its composition.

    Args:
        password: a new one.
        names: the user's own name and address.

    Raises:
        Invalid: of the field ``password``.
    """
    folded = password.casefold()
    own = {name.casefold() for name in names}
    own |= {name.partition("@")[0] for name in own}
    if folded in own:
        problem = "Not your own name or address."
    elif folded in _often_used():
        problem = "This password is known from many leaks. Choose another."
    elif len(set(folded)) < 4:
        problem = "Not a few characters over and over."
    else:
        return
    raise errors.Invalid({"password": [problem]})


@contextmanager
def _turn() -> Iterator[None]:
    if not _room.acquire(blocking=False):
        raise errors.LoginsBusy
    try:
        if not _turns.acquire(timeout=WAIT_SECONDS):
            raise errors.LoginsBusy
        try:
            yield
        finally:
            _turns.release()
    finally:
        _room.release()


@cache
def _often_used() -> frozenset[str]:
    """Return the passwords of many leaks, in small letters, that are long enough to be asked for.

    Only this list of zxcvbn's is wanted: importing the package would keep 20 MB of others.
    """
    package = importlib.util.find_spec("zxcvbn")
    assert package is not None  # noqa: S101 # nosec B101 - setup.cfg requires it
    assert package.origin is not None  # noqa: S101 # nosec B101
    lists = runpy.run_path(str(Path(package.origin).with_name("frequency_lists.py")))
    return frozenset(
        word for word in lists["FREQUENCY_LISTS"]["passwords"] if len(word) >= _MIN_LENGTH
    )
