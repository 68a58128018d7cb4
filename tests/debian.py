"""Programs from Debian's packages, unpacked beside the virtual environment, not installed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def find_program(
    name: str, package: str, version: str = "--version", libraries: Sequence[str] = ()
) -> str | None:
    """Return a program: that on PATH, else the package's; None when there is none to be had.

    Args:
        name: of the program.
        package: where it is.
        version: what it is called with to see whether it runs.
        libraries: packages of libraries that it needs besides; it is to be run with ``environ``.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return found or _unpacked(name, package, version, libraries)


def environ(program: str) -> dict[str, str]:
    """Return what a program needs in its environment to find the libraries unpacked with it."""
    folders = (Path(program).parents[2] / "usr/lib").glob("*-linux-*")
    return {"LD_LIBRARY_PATH": os.pathsep.join(str(folder) for folder in folders)}


def _unpacked(name: str, package: str, version: str, libraries: Sequence[str]) -> str | None:
    kept = Path(sys.prefix) / package
    if not kept.exists() and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        with tempfile.TemporaryDirectory(prefix=f"bookstore-{package}-") as folder:
            # A list that is too old names a package that is gone.
            for _ in range(2):
                if _run(folder, "apt-get", "download", package, *libraries):
                    break
                _run(folder, "apt-get", "update")
            # Aside first: other test workers look for the same.
            draft = Path(tempfile.mkdtemp(prefix=f"{package}-", dir=sys.prefix))
            files = sorted(Path(folder).glob("*.deb"))
            done = [_run(folder, "dpkg-deb", "-x", str(file), str(draft)) for file in files]
            if done and all(done) and not kept.exists():
                draft.rename(kept)
            shutil.rmtree(draft, ignore_errors=True)
    for where in ("usr/bin", "usr/sbin"):
        program = kept / where / name
        if program.exists() and _run(str(kept), str(program), version):
            return str(program)
    return None


def _run(folder: str, *command: str) -> bool:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, **(environ(command[0]) if command[0].startswith("/") else {})},
    )
    return done.returncode == 0
