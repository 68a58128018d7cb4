"""One function a client: the document in, a folder or file out."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from client_generators import node

HERE = Path(__file__).parent


def python(document: Path, folder: Path) -> None:
    """Write the Python package; a part of the document that it cannot express is an error.

    Raises:
        subprocess.CalledProcessError: the generator failed, or warned.
    """
    beside = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "document.json"
        source.write_text(json.dumps(_without_optional_login(json.loads(document.read_bytes()))))
        command = [str(beside / "openapi-python-client"), "generate", "--path", str(source)]
        command += ["--config", str(HERE / "python.yaml"), "--meta", "setup", "--fail-on-warning"]
        command += ["--output-path", str(folder), "--overwrite"]
        # It tidies up with ruff, which it looks for on PATH.
        environ = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ.get('PATH', '')}"}
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)  # nosec B603
    shutil.rmtree(folder / ".ruff_cache", ignore_errors=True)


def typescript(document: Path, folder: Path) -> None:
    """Write the TypeScript client (``node.install`` comes first).

    Raises:
        subprocess.CalledProcessError: the generator failed.
    """
    node.run(HERE / "typescript.mjs", document, folder)


def postman(document: Path, file: Path) -> None:
    """Write the collection (``node.install`` comes first).

    Raises:
        subprocess.CalledProcessError: the converter failed.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    node.run(HERE / "postman.mjs", document, file)


def everything(document: Path, folder: Path) -> None:
    """Write all clients below a folder, in place of those of before."""
    node.install()
    for name in ("python", "typescript", "postman"):
        shutil.rmtree(folder / name, ignore_errors=True)
    python(document, folder / "python")
    typescript(document, folder / "typescript")
    postman(document, folder / "postman" / "bookstore.postman_collection.json")


def _without_optional_login(document: dict[str, Any]) -> dict[str, Any]:
    """Let guests call what guests may call.

    The generator takes ``security: [{"bearer": []}, {}]`` for a login that has to be. Without any,
    the functions take a client with a token as well as one without.
    """
    for members in document["paths"].values():
        for name, operation in members.items():
            if name != "parameters" and {} in operation["security"]:
                operation["security"] = []
    return document
