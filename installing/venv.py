"""Whether a folder's .venv can be used, and a new one if not."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from installing.commands import run
from installing.troubles import Failed

OWN_FOLDER = "see whose it is, or copy this folder to one of your own"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else installs here."""
    held = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Somebody else installs the packages here: waiting for them …", flush=True)
                fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def place(folder: Path) -> str:
    """Return where .venv is and which Python it runs, both part of what is in it; "" if none."""
    python = folder / ".venv" / "bin" / "python"
    asked = [str(python), "-ISc", "import sys; print(*sys.version_info[:2])"]
    try:
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # nosec B603
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{(folder / '.venv').resolve()}\n{version}"


def mark(folder: Path, lock: Path) -> str:
    """Return what the stamp of a finished installation says: of what, where, for which Python."""
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()}\n{place(folder)}"


def is_usable(folder: Path) -> bool:
    """Whether .venv can be added to: once finished, made here, its Python still there."""
    here = place(folder)
    stamps = [folder / ".venv" / name for name in (".installed", ".installed-dev")]
    said = [stamp.read_text().partition("\n")[2] for stamp in stamps if stamp.exists()]
    # Scripts in it name its folder, so one that was copied or moved leads elsewhere. A stamp that
    # says nothing is an older release's.
    return bool(here and said) and all(each in ("", here) for each in said)


def make(folder: Path) -> None:
    """Make .venv anew.

    Raises:
        Failed: it cannot be made.
    """
    venv = folder / ".venv"
    if venv.is_symlink():
        raise Failed(f"{venv} is a link, and what it leads to is not usable: remove it")
    try:
        if venv.exists():
            print("What is in .venv is unfinished, or of another folder or Python: making it anew.")
            shutil.rmtree(venv)
        venv.mkdir()
    except OSError as error:
        why = f"cannot write {error.filename} ({error.strerror})"
        raise Failed(f"{why}: {OWN_FOLDER}") from None
    run(folder, [sys.executable, "-m", "venv", venv], lambda _: "making a virtual environment")


def require_room(folder: Path, megabytes: int) -> None:
    """Make sure that the packages have room.

    Raises:
        Failed: the disk has too little.
    """
    free = shutil.disk_usage(folder).free // 2**20
    if free < megabytes:
        raise Failed(f"the disk of {folder} has {free} MB free, the packages need {megabytes}")
