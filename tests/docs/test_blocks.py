"""Every code block of the documents is run or says why not, and prints what it is said to."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest
import requests
from flask.cli import FlaskGroup

from tests.cli.test_serve import serving
from tests.clients import _free_port
from tests.conftest import UNLIMITED, Apps
from tests.docs.blocks import PROGRAMS, ROOT, Block, blocks, every_block
from tests.docs.programs import Failed, printed
from tests.pictures import picture

# Pages whose programs are run here, one shop for all, and how many outputs are compared. First the
# one that counts orders.
PAGES = {
    "docs/api.md": 38,
    "README.md": 3,
    "docs/getting-started.md": 3,
    "docs/payments.md": 3,
    "docs/live.md": 5,
    "docs/graphql.md": 3,
    "docs/webhooks.md": 2,
    "docs/recommendations.md": 0,
    "docs/operations.md": 1,
}
# (document, language) of those that other tests run: test_guide, test_webhooks_guide, and
# tests/client_generators/test_guide.
ELSEWHERE = {
    ("docs/guide-in-the-shell.md", "python"),
    ("docs/clients.md", "python"),
    ("docs/clients.md", "typescript"),
}
# Servers of docs/webhooks.md, which have what is named in them: test_webhooks_guide runs them, and
# here they are files that its commands start.
RECEIVERS = {"python": "receiver.py", "javascript": "receiver.mjs"}
SERVES = "verify("
EVENT = {"type": "ping", "sequence": 1, "data": {}}
# How many say why they are not.
NOT_RUN = 19

# What is another thing each time.
VOLATILE = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r'_date":"[\d-]+"', '_date":"DAY"'),
    (r'"request_id":"\w+"', '"request_id":"…"'),
    (r"(cursor\"?[:=]\"?)[\w-]+", r"\1…"),
    # Addresses of covers have the port in them.
    (r"\b\d{4} bytes", "some bytes"),
    (r"^(?:Link: .*\n\n)?(?=\{)", ""),
)
# A refusal that nobody has been told of.
PROBLEM = re.compile(r'"type":"/problems/\w+".*|^HTTP/1.1 [45].*', re.M)


def steady(text: str) -> str:
    """Return text without what is another thing each time."""
    for pattern, instead in VOLATILE:
        text = re.sub(pattern, instead, text, flags=re.M)
    return text.strip()


def wrong(block: Block, real: str) -> str | None:
    """Return what is wrong with what a block has printed, None when it is as the page says."""
    if block.output is None:
        found = PROBLEM.search(real)
        return f"{block.place}: {found[0]}" if found and block.language == "bash" else None
    # Of what `curl -i` prints, the end is shown.
    if steady(real).endswith(steady(block.output)):
        return None
    return f"{block.place} prints\n{steady(real)}\nand not\n{steady(block.output)}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of that shop."""
    return tmp_path_factory.mktemp("docs") / "home"


@pytest.fixture(scope="module")
def ports(data: Path) -> Any:
    """A shop as ``make run`` starts it, as {port in the documents: port it has}."""
    for program in ("bash", "curl", "python3", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed here")
    port = _free_port()
    # Nobody types that fast.
    unlimited = {name.upper(): rate for name, rate in UNLIMITED.items()}
    with serving(data, port, **unlimited):
        yield {8000: port, 9000: _free_port()}


def project(folder: Path, data: Path) -> None:
    """Make a folder in which commands work as in the project's own."""
    folder.mkdir()
    for name in ("wsgi.py", "bookstore", "migrations"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "var").symlink_to(data)


def test_every_program_prints_what_it_is_said_to(
    tmp_path: Path, data: Path, ports: dict[int, int]
) -> None:
    faults, compared = [], Counter[str]()
    for page in PAGES:
        folder = tmp_path / Path(page).stem
        project(folder, data)
        (folder / "cover.jpg").write_bytes(picture())
        (folder / "body.json").write_text(json.dumps(EVENT))
        found = [one for one in blocks(ROOT / page) if one.why_not is None]
        for server in [one for one in found if one.language in RECEIVERS and SERVES in one.code]:
            (folder / RECEIVERS[server.language]).write_text(server.code)
            found.remove(server)
        for language in PROGRAMS:
            program = [one for one in found if one.language == language]
            program = [one for one in program if not one.code.startswith("make ")]
            if not program:
                continue
            try:
                real = printed(program, folder, ports)
            except Failed as failed:
                faults.append(str(failed))
                continue
            compared[page] += len([one for one in program if one.output is not None])
            faults += filter(None, map(wrong, program, real))
    assert not faults, "\n\n".join(faults)
    assert compared == Counter(PAGES)


def test_every_query_is_answered(ports: dict[int, int]) -> None:
    shop, url = requests.Session(), f"http://127.0.0.1:{ports[8000]}"
    reader = {"username": "reader", "password": "reader-demo-1"}  # pragma: allowlist secret
    tokens = shop.post(f"{url}/api/v2/auth/token", json=reader, timeout=10).json()
    shop.headers["Authorization"] = f"Bearer {tokens['access']}"
    address = {"name": "A. Reader", "line1": "1 High Street", "city": "York", "country": "GB"}
    queries = [one for one in every_block() if one.language == "graphql"]
    for one in queries:
        body = {"query": one.code, "variables": {"q": "hobbit", "address": address}}
        answer = shop.post(f"{url}/graphql/", json=body, timeout=10).json()
        assert "errors" not in answer, f"{one.place}: {answer}"
    assert len(queries) == 3


def test_every_block_is_run_or_says_why_not() -> None:
    found = [one for one in every_block() if one.language in {*PROGRAMS, "typescript", "js"}]
    left_out = [one for one in found if one.why_not is not None]
    for one in found:
        is_run = (one.document in PAGES) | ((one.document, one.language) in ELSEWHERE)
        is_run |= one.code.startswith("make ")  # tests/docs/test_readme.py looks for the target
        assert is_run or one.why_not, one.place
    assert len(left_out) == NOT_RUN


def test_shell_blocks_that_are_not_run_can_be_read_by_one() -> None:
    code = [one.code for one in every_block() if one.language == "bash" and one.why_not]
    done = subprocess.run(
        ["bash", "-n"], input="\n".join(code), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_commands_exist(apps: Apps) -> None:
    group = FlaskGroup(create_app=lambda: apps.get("sqlite"))
    text = "\n".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    named = set(re.findall(r"flask --app wsgi ((?:[a-z][a-z-]* ?)+)", text.replace("\n", " ")))
    assert len(named) > 10
    for words in named:
        command: Any = group
        for word in words.split():
            if not isinstance(command, click.Group):
                break  # what follows are its arguments
            # Flask pushes an app context, which ends with click's.
            with click.Context(command, obj=None) as context:
                found = command.get_command(context, word)
            assert found is not None, f"flask {words}"
            command = found


@pytest.mark.parametrize("language", ["json"])
def test_json_can_be_read(language: str) -> None:
    found = [one for one in every_block() if one.language == language]
    for one in found:
        try:
            json.loads(one.code)
        except ValueError:
            for line in one.code.splitlines():
                assert json.loads(line), one.place
    assert len(found) > 10
