"""Who else is on this machine: the shop that runs on a data folder, the process that has a port."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from bookstore.config import BadSetting


@contextlib.contextmanager
def alone_in(home: Path, url: str) -> Iterator[None]:
    """Be the one ``flask serve`` of a data folder, known to others by its URL.

    The kernel holds the lock for as long as this process lives, so none can go stale.

    Raises:
        BadSetting: another one runs there; the message names it.
    """
    with contextlib.ExitStack() as held:
        file = held.enter_context((home / "serve.lock").open("a+"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BadSetting(
                f"the shop of {home} is already running at {file.read().strip()}: use that one, or"
                " stop it with Ctrl-C there; a second one needs a BOOKSTORE_HOME and a PORT of its"
                " own"
            ) from None
        except OSError:  # a file system without locks
            pass
        file.truncate(0)
        file.write(f"{url} (process {os.getpid()})\n")
        file.flush()
        yield


def require_free_port(host: str, port: int) -> None:
    """Make sure that one can listen there.

    Raises:
        BadSetting: not, and who does if that can be seen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            who = listener(port)
            raise BadSetting(
                f"PORT: cannot listen on {host}:{port} ({error.strerror}{who and f': {who}'});"
                f" set PORT or HOST to another: PORT={port + 1 if port < 65535 else 8000} make run"
            ) from None


def listener(port: int) -> str:
    """Return which process listens on a port, as "name, process 12"; "" if it cannot be seen.

    It is read from /proc, so on Linux alone, and of one's own processes unless one is root.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(str(file.readlink()) in sockets for file in folder.iterdir()):
                name = (folder.parent / "comm").read_text().strip()
                return f"{name}, process {folder.parent.name}"
    return ""


def _listening(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                # Address and port in hexadecimal, state 0A (listening); the inode is the tenth.
                _, local, _, state, *rest = line.split()
                if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]
