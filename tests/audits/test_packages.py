"""What pip-audit says is judged: faults fail, and not to be told anything is said aloud."""

import json
from pathlib import Path

import pytest
from packaging.version import Version
from pip_audit._format import JsonFormat
from pip_audit._service.interface import (
    Dependency,
    ResolvedDependency,
    SkippedDependency,
    VulnerabilityID,
    VulnerabilityResult,
)

from audits import packages

FAULT = VulnerabilityResult(
    VulnerabilityID("PYSEC-2018-28"), "Sends credentials on.", [Version("2.20.0")], set()
)
GOOD = ResolvedDependency("flask", Version("3.1.3"))
BAD = ResolvedDependency("requests", Version("2.19.0"))
UNKNOWN = SkippedDependency("valkey", "Dependency not found on PyPI")


def report(found: dict[Dependency, list[VulnerabilityResult]]) -> str:
    """Return what pip-audit prints of that."""
    return JsonFormat(output_desc=False, output_aliases=False).format(found, [])


def test_faults_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert packages.main(lambda _service: report({GOOD: [], BAD: [FAULT]})) == 1
    told = capsys.readouterr().out
    assert told == "known fault: requests 2.19.0: PYSEC-2018-28, mended in 2.20.0\n"


def test_no_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert packages.main(lambda _service: report({GOOD: []})) == 0
    assert capsys.readouterr().out == "1 packages have no known faults\n"


@pytest.mark.parametrize("answer", [None, report({UNKNOWN: []}), report({})])
def test_nobody_who_knows_is_said_aloud(
    answer: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    assert packages.main(lambda service: asked.append(service) or answer) == 0
    assert asked == ["pypi", "osv"]
    assert "THE PACKAGES WERE NOT AUDITED:" in capsys.readouterr().out


def test_who_knows_some_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert packages.main(lambda _service: report({GOOD: [], UNKNOWN: []})) == 0
    assert "NOT AUDITED BUT 1 OF 2" in capsys.readouterr().out
    assert packages.main(lambda _service: report({BAD: [FAULT], UNKNOWN: []})) == 1


def test_another_service_may_know(capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"pypi": None, "osv": report({BAD: [FAULT]})}
    assert packages.main(answers.get) == 1


def test_the_real_one_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing to ask for, so it needs nobody to answer.
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    monkeypatch.setattr(packages, "LOCK", lock)
    answer = packages.ask("pypi")
    assert answer is not None
    assert json.loads(answer)["dependencies"] == []
