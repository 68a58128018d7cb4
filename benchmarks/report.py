"""The table, and the files it is kept in."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.measure import Sample
from benchmarks.scenarios import BASE, BY_NAME
from benchmarks.server import ROOT, cores

RESULTS = Path(__file__).parent / "results"
EIGHTH = 1 / 8  # of what the guide's build took
LIBRARIES = (
    *("flask", "werkzeug", "gunicorn", "flask-smorest", "marshmallow", "flask-jwt-extended"),
    *("pyjwt", "flask-sqlalchemy", "sqlalchemy", "psycopg", "redis", "hiredis", "orjson"),
)


def machine() -> dict[str, Any]:
    """Return where and with what this runs."""
    pinned = cores()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD") or "unknown",
        "changed": sorted({line.split()[-1] for line in _git("status", "--short").splitlines()}),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "pinned": None if pinned is None else {"server": pinned[0], "everything else": pinned[1]},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }


def summary(samples: Mapping[str, Sequence[Sample]]) -> dict[str, Any]:
    """Return median, least and most of each figure, by scenario.

    Ratios are taken within each round, so that what slows a whole round down cancels out.
    """
    found: dict[str, Any] = {}
    for name, several in samples.items():
        scenario = BY_NAME[name]
        figures: dict[str, list[float]] = {
            "cpu_ms": [sample.cpu_ms for sample in several],
            "ratio": _ratios(several, samples[BASE]),
            "redis_ms": [sample.redis_ms for sample in several],
            "requests_per_second": [sample.per_second for sample in several],
        }
        if scenario.raw:
            figures["raw_ratio"] = _ratios(several, samples[scenario.raw])
        postgres = [s.postgres_ms for s in several if s.postgres_ms is not None]
        if postgres:
            figures["postgres_ms"] = postgres
        if scenario.guide:
            figures["of_guide"] = [
                (s.cpu_ms + (s.postgres_ms or 0)) / scenario.guide for s in several
            ]
        line = {key: _spread(values) for key, values in figures.items()}
        held = line["raw_ratio" if scenario.raw else "ratio"]["median"]
        found[name] = {
            "title": scenario.title,
            "aim": scenario.aim,
            "aim_is_of": scenario.raw or BASE,
            "met": None if scenario.aim is None else held <= scenario.aim,
            "guide_met": line["of_guide"]["median"] <= EIGHTH if scenario.guide else None,
            "requests": [sample.requests for sample in several],
            **line,
        }
    return found


def table(heading: str, lines: Mapping[str, Any]) -> str:
    """Return one database's table as text."""
    with_postgres = any("postgres_ms" in line for line in lines.values())
    heads = f"{'':28}{'CPU ms':>8} {'min–max':>13} {'× Flask':>8} {'min–max':>12}"
    heads += f" {'× raw':>6} {'min–max':>11} {'aim':>9} {'met':>4} {'of the guide':>13}"
    heads += f"{'Redis ms':>10}" + (f"{'PostgreSQL ms':>15}" if with_postgres else "")
    rows = [heading, "", f"{heads}{'requests/s':>12}"]
    for line in lines.values():
        cpu, ratio, raw = line["cpu_ms"], line["ratio"], line.get("raw_ratio")
        row = f"{line['title']:28}{cpu['median']:8.3f} {_range(cpu, 3):>13}"
        row += f" {ratio['median']:8.2f} {_range(ratio, 2):>12}"
        row += f" {raw['median']:6.2f} {_range(raw, 2):>11}" if raw else f" {'':6} {'':11}"
        row += f" {_aim(line):>9} {_YES_NO[line['met']]:>4} {_of_guide(line):>13}"
        row += f"{line['redis_ms']['median']:10.3f}"
        if with_postgres:
            row += f"{line['postgres_ms']['median']:15.3f}"
        rows.append(f"{row}{line['requests_per_second']['median']:12.0f}")
    return "\n".join(rows)


_YES_NO = {True: "yes", False: "no", None: ""}


def _aim(line: Mapping[str, Any]) -> str:
    if line["aim"] is None:
        return ""
    return f"{line['aim']:g} × {'Flask' if line['aim_is_of'] == BASE else 'raw'}"


def _of_guide(line: Mapping[str, Any]) -> str:
    """Return a share, such as 1/10.5; with what the aim makes of it."""
    if line["guide_met"] is None:
        return ""
    return f"1/{1 / line['of_guide']['median']:.1f} {_YES_NO[line['guide_met']]}"


def _ratios(several: Sequence[Sample], others: Sequence[Sample]) -> list[float]:
    return [one.cpu_ms / other.cpu_ms for one, other in zip(several, others, strict=True)]


def preamble(about: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return the lines that say under what conditions the tables hold."""
    libraries = ", ".join(f"{name} {version}" for name, version in about["libraries"].items())
    pinned = "server on a core of its own" if about["pinned"] else "nothing pinned"
    changed = f" and {len(about['changed'])} changed files" if about["changed"] else ""
    return "\n".join(
        [
            f"{about['at']}, commit {about['commit']}{changed}",
            f"{about['cpu']}, {about['cores']} cores ({pinned}), load {about['load'][0]}",
            f"{about['system']}, Python {about['python']}",
            libraries,
            f"1 worker × {options['threads']} threads, {options['connections']} connections, "
            f"{options['rounds']} rounds of {options['seconds']:g} s, "
            f"CPU = user + system time of the worker a request",
        ]
    )


def save(text: str, data: Mapping[str, Any]) -> Path:
    """Write both forms; return the text's path."""
    day = data["machine"]["at"][:10]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{day}-{data['machine']['commit']}.txt"
    path.write_text(f"{text}\n")
    path.with_suffix(".json").write_text(f"{json.dumps(data, indent=1, ensure_ascii=False)}\n")
    return path


def _spread(values: Sequence[float]) -> dict[str, float]:
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 4) for name, value in figures.items()}


def _range(spread: Mapping[str, float], places: int) -> str:
    return f"{spread['min']:.{places}f}–{spread['max']:.{places}f}"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown CPU"
