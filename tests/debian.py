"""Programs from Debian's packages, unpacked beside the virtual environment, not installed."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def find_program(name: str, package: str, version: str = "--version") -> str | None:
    """Return a program: that on PATH, else the package's; None when there is none to be had.

    ``version`` is what it is called with to see whether it runs.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return found or _unpacked(name, package, version)


def _unpacked(name: str, package: str, version: str) -> str | None:
    kept = Path(sys.prefix) / package
    if not kept.exists() and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        with tempfile.TemporaryDirectory(prefix=f"bookstore-{package}-") as folder:
            # A list that is too old names a package that is gone.
            for _ in range(2):
                if _run(folder, "apt-get", "download", package):
                    break
                _run(folder, "apt-get", "update")
            for file in Path(folder).glob(f"{package}_*.deb"):
                # Aside first: other test workers look for the same.
                draft = Path(tempfile.mkdtemp(prefix=f"{package}-", dir=sys.prefix))
                if _run(folder, "dpkg-deb", "-x", str(file), str(draft)) and not kept.exists():
                    draft.rename(kept)
                shutil.rmtree(draft, ignore_errors=True)
    for where in ("usr/bin", "usr/sbin"):
        program = kept / where / name
        if program.exists() and _run(str(kept), str(program), version):
            return str(program)
    return None


def _run(folder: str, *command: str) -> bool:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    return done.returncode == 0
