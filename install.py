"""Makes .venv and installs the locked packages: python3 install.py, or with --dev those for work.

make runs it first each time; without make, run it by hand. Once all is there it takes a moment.
Any Python can read this file, so that one too old hears it in a sentence.
"""

import os
import subprocess
import sys

NEWER = ("python3.13", "python3.12", "python3.11", "python3.14")

if sys.version_info < (3, 11):  # noqa: UP036 - that is the question
    for name in NEWER:
        try:
            # A name may be there and lead nowhere (pyenv's do).
            found = subprocess.call([name, "-c", ""], stderr=subprocess.PIPE) == 0  # noqa: S603  # nosec B603
        except OSError:
            continue
        if found:
            os.execvp(name, [name] + sys.argv)  # noqa: RUF005, S606  # nosec B606
    sys.exit(
        "bookstore: this needs Python 3.11 or newer, and %s is %s. Install one, then say where it"  # noqa: UP031
        " is: make run PYTHON=/path/to/python3.12" % (sys.executable, sys.version.split()[0])
    )
if os.name == "nt":
    sys.exit("bookstore: this runs on Linux and macOS; on Windows, in WSL")

from pathlib import Path  # noqa: E402 - an old Python has none

from installing import main  # noqa: E402 - an old Python cannot read it

for stream in (sys.stdout, sys.stderr):
    stream.reconfigure(errors="replace")  # type: ignore[union-attr]
sys.exit(main(Path(__file__).resolve().parent))
