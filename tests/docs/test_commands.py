"""Commands of the documents are typed into a shell against a new shop, and print what they say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_serve import environ, serving
from tests.clients import _free_port
from tests.conftest import UNLIMITED
from tests.pictures import picture

ROOT = Path(__file__).parents[2]
# What directly follows commands is what they print.
BLOCKS = re.compile(r"^```bash\n(.*?)^```\n(?:\n```(?:text|json)\n(.*?)^```\n)?", re.M | re.S)
MARK = "---8<---"
# What is another thing each time.
VOLATILE = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r'_date":"[\d-]+"', '_date":"DAY"'),
    (r'"request_id":"\w+"', '"request_id":"…"'),
    (r"(cursor\"?[:=]\"?)[\w-]+", r"\1…"),
    (r"^(?:Link: .*\n\n)?(?=\{)", ""),
)


def steady(text: str) -> str:
    """Return text without what is another thing each time."""
    for pattern, instead in VOLATILE:
        text = re.sub(pattern, instead, text, flags=re.M)
    return text.strip()


@pytest.mark.parametrize(("document", "outputs"), [("docs/api.md", 16), ("README.md", 3)])
def test_every_command_prints_what_it_is_said_to(
    tmp_path: Path, document: str, outputs: int
) -> None:
    for program in ("bash", "curl", "python3"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed here")
    found = BLOCKS.findall((ROOT / document).read_text())
    blocks = [(commands, shown) for commands, shown in found if not commands.startswith("make ")]
    home, port = tmp_path / "home", _free_port()
    script = f"\necho '{MARK}'\n".join(commands for commands, _ in blocks)
    (tmp_path / "cover.jpg").write_bytes(picture())
    # Nobody types that fast.
    with serving(home, port, **{name.upper(): rate for name, rate in UNLIMITED.items()}):
        done = subprocess.run(
            ["bash", "-u", "-c", script.replace(":8000/", f":{port}/")],
            cwd=tmp_path,
            env=environ(home, port),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    printed = done.stdout.split(f"{MARK}\n")
    assert len(printed) == len(blocks), done.stderr
    for (commands, shown), real in zip(blocks, printed, strict=True):
        # Of what `curl -i` prints, the end is shown.
        assert steady(real.replace("\r", "")).endswith(steady(shown)), commands
    assert len([shown for _, shown in blocks if shown]) == outputs
