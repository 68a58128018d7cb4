"""Why pip, uv or venv failed, and what to do: one line, by what they said."""

import os
import re
import sys
import tempfile
from pathlib import Path

# What is found in the words of pip, uv or venv, and what to say then.
TROUBLES = (
    (
        r"No space left on device|Errno 28|os error 28|Disk quota exceeded",
        "the disk is full (the packages, their cache in {cache}, or {tmp}): make room, then run"
        " this again",
    ),
    (
        r"ensurepip is not|No module named '?(venv|ensurepip)|ensurepip.*non-zero exit",
        "{python} cannot make virtual environments: install its venv package (on Debian and Ubuntu:"
        " sudo apt install python{version}-venv), or name another Python: make run PYTHON=…",
    ),
    (
        r"SSLError|CERTIFICATE_VERIFY_FAILED|invalid peer certificate",
        "the package index's certificate is not trusted here: if a proxy of your company stands"
        " between, name its certificate with PIP_CERT=/path/to.pem",
    ),
    (
        r"NewConnectionError|NameResolution|name resolution|ConnectTimeout|ReadTimeout|timed out"
        r"|Network is unreachable|Connection refused|ProxyError|Connection reset|dns error"
        r"|error sending request|RemoteDisconnected",
        "the package index cannot be reached: look after the network, or name a proxy or mirror"
        " with HTTPS_PROXY=… or PIP_INDEX_URL=…; what has been fetched is kept",
    ),
    (
        r"DO NOT MATCH THE HASHES|[Hh]ash mismatch",
        "a package of the index is another than the lock file names; nothing of it was installed."
        " Ask whoever keeps your index",
    ),
    (
        r"Permission denied|Read-only file system|Errno 13|Errno 30",
        "cannot write {folder} or a folder that pip uses ({cache}, {tmp}): see whose they are, or"
        " copy this folder to one of your own",
    ),
)
NO_WHEEL = re.compile(r"(?:No matching distribution found for|has no wheels .*?) ([\w.-]+)==")


class Failed(Exception):
    """What went wrong and what to do, in one line."""


class NoWheel(Failed):
    """The index has nothing of ``package`` that runs here."""

    def __init__(self, package: str) -> None:
        self.package = package
        super().__init__(
            f"the package index has no {package} for Python {sys.version.split()[0]} on"
            f" {os.uname().sysname} {os.uname().machine}: try another Python (make run PYTHON=…)"
        )


def reason(output: str, folder: Path) -> Failed:
    """Return in one line why a command failed, by what it said."""
    for pattern, message in TROUBLES:
        if re.search(pattern, output):
            message = message.format(
                python=sys.executable,
                version="{}.{}".format(*sys.version_info),
                folder=folder,
                cache=os.environ.get("XDG_CACHE_HOME", "~/.cache"),
                tmp=tempfile.gettempdir(),
            )
            return Failed(message)
    if missing := NO_WHEEL.search(output):
        return NoWheel(missing[1])
    last = [line.strip() for line in output.splitlines() if line.strip()] or ["no word"]
    errors = [line for line in last if line.lower().startswith("error")] or last
    return Failed(f"the packages could not be installed: {errors[-1][:300]}")
