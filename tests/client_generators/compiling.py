"""TypeScript programs with the generated client, through ``tsc --strict`` and into node."""

import subprocess
from pathlib import Path

from client_generators import node

TSC = node.MODULES / "typescript" / "bin" / "tsc"
OPTIONS = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2023", "--module", "nodenext"]


def compiled(program: str, client: Path, folder: Path, *, emit: bool = False) -> str:
    """Compile a program beside the client, as ``program.ts``; return what the compiler says.

    With ``emit`` there is a ``program.js`` then, and what it imports.
    """
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "typescript").symlink_to(client)
    (folder / "program.ts").write_text(program)
    # Of a link, it would put the output where the link leads.
    options = [*OPTIONS, "--preserveSymlinks", *([] if emit else ["--noEmit"])]
    if emit:
        options += ["--outDir", "out"]
        (folder / "out").mkdir()
        (folder / "out" / "package.json").write_text('{"type": "module"}')
    try:
        return node.run(TSC, *options, "program.ts", cwd=folder)
    except subprocess.CalledProcessError as error:
        return str(error.stdout)
