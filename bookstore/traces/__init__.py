"""Traces: what a request, and all that follows from it, spent its time on (OpenTelemetry).

Off unless an endpoint is set: then nothing of OpenTelemetry is imported, and ``span`` is a context
manager that does nothing. Spans are made by hand, here and at the few places where something
leaves the process. So no span can have what nobody put in: no query strings, bodies, addresses of
clients, values of SQL statements or texts of exceptions (docs/decisions/0026).

``export`` sends them, from a thread of its own that starts with a process's first span; ``web`` and
``sql`` watch requests and statements.
"""

import atexit
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from bookstore import logs
from bookstore.config import Settings
from bookstore.errors import BookstoreError

if TYPE_CHECKING:
    from types import TracebackType

    from bookstore.traces.export import Exporting

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float | bool

STOP_SECONDS = 2.0
SPAN = "bookstore.span"
"""Where in its WSGI environment the span of a request is."""


class Span(Protocol):
    """One thing that takes time; a context manager, inside of which it is the current one."""

    def set(self, name: str, value: Value) -> None:
        """Note something about it; never what belongs to a person."""

    def rename(self, name: str) -> None:
        """Call it something else; one of few names, so without ids."""

    def failed(self, why: str) -> None:
        """Mark it as failed: a status, or the name of a class."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: Any) -> None: ...


class _NoSpan:
    """What there is while traces are off; one for all."""

    def set(self, name: str, value: Value) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def failed(self, why: str) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


class _LiveSpan:
    """One of OpenTelemetry's."""

    def __init__(
        self,
        exporting: "Exporting",
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        parent: str | None,
    ) -> None:
        self._exporting = exporting
        self._span, self._context = exporting.start(name, kind, attributes, parent)

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def failed(self, why: str) -> None:
        self._exporting.mark_failed(self._span, why)

    def __enter__(self) -> Self:
        self._token = self._exporting.attach(self._context)
        self._line = logs.trace_id.set(f"{self._span.get_span_context().trace_id:032x}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: "TracebackType | None",
    ) -> None:
        # A refusal is an answer. And of a fault the class alone: its text may quote anything.
        if kind is not None and not issubclass(kind, BookstoreError):
            self.failed(kind.__name__)
        self._span.end()
        self._exporting.detach(self._token)
        logs.trace_id.reset(self._line)


class _Switch:
    """Whether traces are on in this process, and what sends them once there is one."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.exporting: Exporting | None = None

    @property
    def is_on(self) -> bool:
        return self.settings is not None

    def live(self) -> "Exporting":
        if self.exporting is None:
            from bookstore.traces.export import Exporting

            assert self.settings is not None  # noqa: S101 # nosec B101
            self.exporting = Exporting(self.settings)
            atexit.register(stop)
        return self.exporting

    def forget(self) -> None:
        # After a fork: neither thread nor connection of the parent are ours.
        self.exporting = None


_switch = _Switch()
NOTHING: Span = _NoSpan()
os.register_at_fork(after_in_child=_switch.forget)


def configure(settings: Settings) -> bool:
    """Switch traces on or off in this process as the settings say; return which it is.

    Safe to call again (the last call wins).
    """
    stop()
    _switch.settings = settings if settings.otel_exporter_otlp_endpoint else None
    return _switch.is_on


def span(
    name: str,
    kind: Kind = "internal",
    attributes: Mapping[str, Value] | None = None,
    *,
    parent: str | None = None,
) -> Span:
    """Return a new span below the current one.

    Args:
        name: what is done; one of few, so without ids.
        kind: what the other side is, as OpenTelemetry has it.
        attributes: what is known about it; names from its semantic conventions where there are.
        parent: below this instead, a ``traceparent`` (W3C); one that makes no sense is none.
    """
    if not _switch.is_on:
        return NOTHING
    return _LiveSpan(_switch.live(), name, kind, attributes or {}, parent)


def is_recording() -> bool:
    """Whether there is a current span that somebody will see."""
    return _switch.exporting is not None and _switch.exporting.is_recording()


def traceparent() -> str | None:
    """Return the current span as others are told of it (W3C ``traceparent``), None without."""
    return None if _switch.exporting is None else _switch.exporting.traceparent()


def headers() -> dict[str, str]:
    """Return what a request to another service carries, so that its spans join ours."""
    current = traceparent()
    return {} if current is None else {"traceparent": current}


def flush() -> None:
    """Send now what is not sent yet, however long that takes."""
    if _switch.exporting is not None:
        _switch.exporting.flush()


def stop(seconds: float = STOP_SECONDS) -> None:
    """Send what is not sent yet, for so long at most; the next span starts anew."""
    exporting, _switch.exporting = _switch.exporting, None
    if exporting is not None:
        exporting.stop(seconds)


def name_request(environ: Mapping[str, Any], method: str, route: str | None) -> None:
    """Name a request's span by its route; what matches none has the method alone, lest names be
    many."""
    current: Span | None = environ.get(SPAN)
    if current is None:
        return
    current.set("bookstore.request_id", logs.request_id.get())
    if route is not None:
        current.set("http.route", route)
        current.rename(f"{method} {route}")
