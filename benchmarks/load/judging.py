"""What was found under load, and whether that is as it must be."""

import json
from collections import Counter, defaultdict
from pathlib import Path

FLAT = 0.05  # so much more or less memory at the end of the two minutes is noise
WINDOW = 120  # seconds before processes are replaced in which memory has to be flat
EDGE = 30  # seconds at the begin and the end of it that are compared


class Found:
    """The requests that were made, as read from the file where they are noted."""

    def __init__(self, noted: Path) -> None:
        self._noted, self._at = noted, 0
        self.requests: list[tuple[float, str, float, str | None]] = []
        self.started = self.replaced_at = self.replaced_until = 0.0

    def read(self) -> None:
        """Take in what has been noted since the last time."""
        if not self._noted.exists():
            return
        with self._noted.open() as stream:
            stream.seek(self._at)
            while (line := stream.readline()).endswith("\n"):
                self._at = stream.tell()
                self.requests.append(tuple(json.loads(line)))

    def count(self, name: str) -> int:
        """Return how many requests of that name were answered as they should be."""
        return sum(1 for _, known, _, wrong in self.requests if known == name and wrong is None)

    def line(self) -> str:
        """Return the last seconds in a few words."""
        last = self.requests[-1][0] if self.requests else 0.0
        recent = [took for at, _, took, _ in self.requests if at > last - 15]
        failed = sum(1 for *_, wrong in self.requests if wrong is not None)
        return (
            f"{len(self.requests):6,} requests, {failed} failed, {len(recent) / 15:.0f} a second, "
            f"p50 {_at(recent, 0.5):.0f} ms, p99 {_at(recent, 0.99):.0f} ms"
        )


class Memory:
    """Private memory of each process over time, in bytes."""

    def __init__(self) -> None:
        self._samples: dict[str, list[tuple[float, int]]] = defaultdict(list)

    def note(self, at: float, sizes: dict[str, int]) -> None:
        """Take down what each has ``at`` seconds after the begin."""
        for name, size in sizes.items():
            self._samples[name].append((at, size))

    def line(self) -> str:
        """Return the last of each in a few words."""
        return ", ".join(f"{name} {_mib(several[-1][1])}" for name, several in self.all())

    def all(self) -> list[tuple[str, list[tuple[float, int]]]]:
        """Return (name, [(seconds, bytes)]) of each."""
        return list(self._samples.items())


def verdict(found: Found, memory: Memory, seconds: float) -> tuple[str, list[str]]:
    """Return (a table, what is not as it must be).

    Args:
        seconds: how long readers came before processes were replaced.
    """
    lines, wrong = (
        [f"{'':24}{'requests':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}"],
        [],
    )
    calm = [one for one in found.requests if one[0] < found.replaced_at]
    rolling = [one for one in found.requests if one[0] >= found.replaced_at]
    by_name = defaultdict(list)
    for one in calm:
        by_name[one[1]].append(one)
    for title, several in [
        *sorted(by_name.items()),
        (f"all, {seconds:.0f} s", calm),
        ("while processes change", [one for one in rolling if one[0] < found.replaced_until]),
        ("behind that", [one for one in rolling if one[0] >= found.replaced_until]),
    ]:
        times = [took for _, _, took, _ in several]
        failed = sum(1 for *_, said in several if said is not None)
        figures = "".join(f"{_at(times, share):9.1f}" for share in (0.5, 0.99, 1))
        lines.append(f"{title:24}{len(several):9,}{failed:8}{figures}")
        if not several:
            wrong.append(f"{title}: no request at all")
    for (name, said), count in Counter(
        (name, said) for _, name, _, said in found.requests if said is not None
    ).most_common(10):
        wrong.append(f"{count} × {name}: {said}")
    lines += ["", f"{'private memory':24}{'first':>12}{'last':>12}{'change':>9}"]
    for name, samples in memory.all():
        first = _mean(samples, seconds - WINDOW, seconds - WINDOW + EDGE)
        last = _mean(samples, seconds - EDGE, seconds)
        if not first or not last:
            lines.append(f"{name:24}{'too short a time to tell':>33}")
            continue
        change = last / first - 1
        lines.append(f"{name:24}{_mib(first):>12}{_mib(last):>12}{change:9.1%}")
        if abs(change) > FLAT:
            wrong.append(f"{name}: memory changed by {change:.1%} in {WINDOW} s")
    return "\n".join(lines), wrong


def _mean(samples: list[tuple[float, int]], begin: float, end: float) -> float:
    chosen = [size for at, size in samples if begin <= at < end]
    return sum(chosen) / len(chosen) if chosen else 0.0


def _at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _mib(size: float) -> str:
    return f"{size / 2**20:.1f} MiB"
