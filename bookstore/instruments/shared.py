"""Figures that several processes of one machine count together.

Each process counts in files of its own, in the format of prometheus_client's multiprocess mode,
and whoever is asked adds all of them up. There the files bear a process id, so that each process
ever started leaves some behind: a child for every job would leave thousands. Here they bear the
number of a place. A process holds the lowest free place by a lock that the kernel takes back
however the process ends, and its successor in the place counts on from there: totals never fall,
and there are no more files than there were processes at once.
"""

import contextlib
import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

# Written out at once. A file with holes would end the process when the disk is full and it counts.
_SIZES = {"counter": 1 << 18, "histogram": 1 << 20, "gauge": 1 << 16}
_FORGOTTEN_SECONDS = 86_400
# The library has no types here.
_File: Any = MmapedDict
_merge: Any = MultiProcessCollector.merge


class Place:
    """The place of this process in a folder, and the files that go with it.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.lock = threading.Lock()
        self._files: dict[str, Any] = {}
        with _locked(folder / "all.lock"):
            if not any(_is_held(path) for path in folder.glob("place-*.lock")):
                for path in folder.glob("*.db"):
                    path.unlink()
            taken = ((number, _take(folder / f"place-{number}.lock")) for number in count())
            self.number, self._descriptor = next(
                (number, descriptor) for number, descriptor in taken if descriptor is not None
            )
        for path in folder.glob(f"gauge_live*_{self.number}.db"):
            path.unlink()

    def file(self, prefix: str) -> Any:
        """Return the file for values of a kind: ``counter``, ``histogram``, ``gauge_<mode>``."""
        if prefix not in self._files:
            path = self.folder / f"{prefix}_{self.number}.db"
            if not path.exists():
                draft = path.with_suffix(".new")
                draft.write_bytes(bytes(_SIZES[prefix.partition("_")[0]]))
                draft.rename(path)
            self._files[prefix] = _File(str(path))
        return self._files[prefix]

    def leave(self) -> None:
        """Let go of the place; what was counted stays."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        os.close(self._descriptor)


def values_of(place: Place) -> type:
    """Return the class of prometheus_client's values that are kept in the files of a place."""

    class Value:
        """A float in a file; what ``prometheus_client.values`` asks of one."""

        _multiprocess = True

        def __init__(
            self,
            typ: str,
            metric: str,
            name: str,
            labels: Any,
            values: Any,
            text: str,
            multiprocess_mode: str = "",
            **_more: Any,
        ) -> None:
            self._key = mmap_key(metric, name, labels, values, text)
            with place.lock:
                self._file = place.file(f"gauge_{multiprocess_mode}" if typ == "gauge" else typ)
                self._value = self._file.read_value(self._key)[0]

        def inc(self, amount: float) -> None:
            with place.lock:
                self._value += amount
                self._file.write_value(self._key, self._value, 0.0)

        def set(self, value: float, _timestamp: float | None = None) -> None:
            with place.lock:
                self._value = value
                self._file.write_value(self._key, value, 0.0)

        def get(self) -> float:
            return float(self._value)

        def set_exemplar(self, _exemplar: Any) -> None:
            """Keep none: the files have no room for them."""

        def get_exemplar(self) -> None:
            return None

    return Value


def read(folder: Path) -> list[Metric]:
    """Return the sums over all processes; living ones alone count for what is now."""
    for path in folder.glob("gauge_live*.db"):
        lock = folder / f"place-{path.stem.rpartition('_')[2]}.lock"
        descriptor = _take(lock)
        if descriptor is not None:  # nobody is there any more
            path.unlink(missing_ok=True)
            os.close(descriptor)
    files = [str(path) for path in folder.glob("*.db")]
    return list(_merge(files))


def clean(parent: Path, keep: Path, now: float) -> None:
    """Remove the folders of machines (containers, say) that are gone for a day."""
    for folder in parent.iterdir():
        if folder == keep or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):
            old = now - folder.stat().st_mtime > _FORGOTTEN_SECONDS
            if old and not any(_is_held(path) for path in folder.glob("place-*.lock")):
                shutil.rmtree(folder)


def _take(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _is_held(path: Path) -> bool:
    descriptor = _take(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
