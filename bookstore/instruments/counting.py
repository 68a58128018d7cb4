"""Counters, gauges and histograms that are made when something is first counted.

So a figure of which nothing was ever seen does not appear, and which kind of values they have,
of this process or shared (``share``), is settled before there are any.
"""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, values
from prometheus_client.metrics_core import Metric

from bookstore import clock
from bookstore.instruments import shared

log = logging.getLogger(__name__)

# When each was first counted: twice the lines, and known only of this process.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
_registry = CollectorRegistry(auto_describe=False)
_alone = values.ValueClass
_place: shared.Place | None = None
# Of a child that has not counted anything yet: where it is to look for a place.
_to_share: Path | None = None
_making = threading.Lock()
_families: "list[_Family]" = []
role = "other"
"""What this process does: web, outgoing, jobs, scheduler or other."""


class _Family:
    def __init__(self, kind: Any, name: str, text: str, labels: Sequence[str], **more: Any) -> None:
        self.name, self.text, self.labels = name, text, tuple(labels)
        self._kind, self._more = kind, more
        self.forget()
        _families.append(self)

    def forget(self) -> None:
        """Make everything anew when it is next used."""
        self._made: Any = None
        self._children: dict[tuple[str, ...], Any] = {}

    def _of(self, labels: tuple[str, ...]) -> Any:
        found = self._children.get(labels)
        return self._make(labels) if found is None else found

    def _make(self, labels: tuple[str, ...]) -> Any:
        with _making:
            _settle()
            if self._made is None:
                self._made = self._kind(
                    self.name, self.text, self.labels, registry=_registry, **self._more
                )
            found = self._children[labels] = self._made.labels(*labels) if labels else self._made
        return found


class Counter(_Family):
    """What only grows."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(prometheus_client.Counter, name, text, labels)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count, under values of the labels."""
        self._of(labels).inc(amount)


class Gauge(_Family):
    """What is so now; over all processes that live, the sum (or the ``livemax``)."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), mode: str = "livesum"
    ) -> None:
        super().__init__(prometheus_client.Gauge, name, text, labels, multiprocess_mode=mode)

    def set(self, *labels: str, to: float) -> None:
        """Say what is so, under values of the labels."""
        self._of(labels).set(to)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Say that it is so much more (or less)."""
        self._of(labels).inc(amount)


class Histogram(_Family):
    """How long things take."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> None:
        super().__init__(prometheus_client.Histogram, name, text, labels, buckets=buckets)

    def observe(self, *labels: str, seconds: float) -> None:
        """Note one, under values of the labels."""
        self._of(labels).observe(seconds)


def folder_in(home: Path) -> Path:
    """Return where the processes of this machine count. Others may share the data folder."""
    return home.absolute() / "metrics" / socket.gethostname()


def share(home: Path, as_role: str) -> None:
    """Count together with the other processes of this machine from now on.

    Where the data folder cannot be written, this process counts for itself, and says so.
    """
    global _to_share, role
    role, _to_share = as_role, folder_in(home)
    folder = _to_share
    with _making:
        _settle()
    with contextlib.suppress(OSError):
        shared.clean(folder.parent, folder, clock.now().timestamp())


def every() -> Iterable[_Family]:
    """Return all that can be counted."""
    return tuple(_families)


def read() -> list[Metric]:
    """Return what was counted so far: by all processes of this machine, if they share."""
    if _place is not None:
        return shared.read(_place.folder)
    return list(_registry.collect())


def start_anew(kind: type = _alone) -> None:
    """Begin at nothing, with values of a kind; unset: those of this process alone."""
    global _registry
    _registry = CollectorRegistry(auto_describe=False)
    values.ValueClass = kind
    for family in _families:
        family.forget()


def _settle() -> None:
    global _place, _to_share
    if _to_share is None:
        return
    folder, _to_share = _to_share, None
    try:
        _place = shared.Place(folder)
    except OSError as error:
        log.warning("figures of this process are not shared", extra={"why": str(error)})
        return
    start_anew(shared.values_of(_place))


def _forked() -> None:
    """In a child: its parent goes on counting in the files that are open here."""
    global _place, _to_share, _making
    _making = threading.Lock()
    place, _place = _place, None
    if place is not None:
        _to_share = place.folder
        place.leave()
        start_anew()


os.register_at_fork(after_in_child=_forked)
