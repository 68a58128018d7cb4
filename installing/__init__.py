"""The virtual environment of a folder: made, looked after, and filled from a lock file.

``install.py`` has made sure of the Python before anything here is read.
"""

import contextlib
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from installing.packages import install
from installing.troubles import Failed
from installing.venv import alone, is_usable, make, mark, require_room

# Of the finished installation, and what it takes on the disk.
KINDS = {
    False: ("requirements.lock", ".installed", 350),
    True: ("requirements-dev.lock", ".installed-dev", 1700),
}


def prepare(folder: Path, *, dev: bool) -> None:
    """Have everything that the folder's lock file names in its .venv.

    Raises:
        Failed: it cannot be done.
    """
    name, stamped, megabytes = KINDS[dev]
    lock, stamp = folder / name, folder / ".venv" / stamped
    if stamp.exists() and stamp.read_text() == mark(folder, lock):
        return
    require_room(folder, megabytes)
    started = time.monotonic()
    print(f"Installing the packages of {name} into .venv (once) …", flush=True)
    if not is_usable(folder):
        make(folder)
    install(folder, lock)
    stamp.write_text(mark(folder, lock))
    print(f"The packages are there after {time.monotonic() - started:.0f} s.", flush=True)


def end(number: int, _frame: FrameType | None) -> None:
    """Take SIGTERM as one takes Ctrl-C."""
    raise KeyboardInterrupt(number)


def main(folder: Path) -> int:
    """Do it; return the exit status."""
    signal.signal(signal.SIGTERM, end)
    try:
        with alone(folder):
            prepare(folder, dev="--dev" in sys.argv[1:])
    except Failed as error:
        print(f"bookstore: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"bookstore: {error.filename or folder}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print("\nbookstore: stopped; the next start goes on from here", file=sys.stderr)
        return 130
    return 0
