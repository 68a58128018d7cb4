"""Secrets in the project's files are found, and what was looked at is not found again."""

import json
import subprocess
from pathlib import Path

import pytest

from audits import secrets

# In pieces, or this file would be one that has secrets in it.
PLANTED = {
    "key.pem": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n",
    "shop.env": "STRIPE_SECRET_KEY=sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc\n",
    "aws.py": 'ID = "AKI' + 'AIOSFODNN7EXAMPLF"\n',
    "settings.py": 'API_TOKEN = "q83vEjRWeJCr' + 'ze8SNFZ4kKvN7xI0VniQ"\n',
    "curl.md": "curl https://shop:Xk29fLq81mTzP0" + "@api.example.com/\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "README.md").write_text("A password is at least 12 characters.\n")
    (tmp_path / ".gitignore").write_text(".env\n")
    return tmp_path


def test_what_is_planted_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert secrets.main([], folder) == 0
    for name, text in PLANTED.items():
        (folder / name).write_text(text)
    # Not for git, so not for anybody else.
    (folder / ".env").write_text(PLANTED["shop.env"])
    assert secrets.main([], folder) == 1
    told = capsys.readouterr().out
    assert {line.partition(":")[0] for line in told.splitlines()[:-1]} == set(PLANTED)
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in told


def test_what_was_looked_at_may_move(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "shop.env").write_text(PLANTED["shop.env"])
    assert secrets.main(["--accept"], folder) == 0
    assert secrets.main([], folder) == 0
    (folder / "shop.env").write_text("# Of the demo.\n\n" + PLANTED["shop.env"])
    assert secrets.main([], folder) == 0
    (folder / "another.env").write_text(PLANTED["shop.env"])
    assert secrets.main([], folder) == 1
    assert "another.env:1: " in capsys.readouterr().out


def test_the_list_of_the_shop_is_short_and_true() -> None:
    known = json.loads((secrets.ROOT / secrets.BASELINE).read_text())["results"]
    # The demo reader's password stands on several pages; it is one thing that was looked at.
    assert len({one["hashed_secret"] for entries in known.values() for one in entries}) <= 14
    assert set(known) <= set(secrets.tracked(secrets.ROOT))
    found = secrets.look(secrets.ROOT, known).json()
    for name, entries in known.items():
        assert {one["hashed_secret"] for one in entries} == {
            one["hashed_secret"] for one in found.get(name, [])
        }, name
