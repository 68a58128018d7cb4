"""``python -m client_generators DOCUMENT FOLDER``: write every client of the document."""

import subprocess
import sys
from pathlib import Path

from client_generators import node, writing


def main(document: Path, folder: Path) -> str | None:
    """Return what went wrong, None if nothing did."""
    try:
        writing.everything(document.resolve(), folder.resolve())
    except (node.CannotInstall, subprocess.CalledProcessError) as error:
        return f"client_generators: {error}"
    print(f"Written: {folder}/python, {folder}/typescript, {folder}/postman")
    return None


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
