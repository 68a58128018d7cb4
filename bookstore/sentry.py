"""Tells Sentry of faults: of each record at ERROR or above, and of what ends a command.

Sentry's integrations are left out. What is logged at ERROR is what the shop takes for a fault, in a
request, a job, the scheduler or a command; refusals are not. And of each event only what is named
here goes out (``_cleaned``), so nothing that a new release adds by itself: no request, headers,
bodies, variables, breadcrumbs, arguments of log lines or jobs.
"""

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from flask import has_request_context, request

from bookstore import logs
from bookstore.config import Settings
from bookstore.scrubbing import scrub_for_others

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

FLUSH_SECONDS = 2.0

_PLAIN = frozenset(
    {"event_id", "timestamp", "level", "logger", "platform", "release", "environment", "sdk"}
)
# Of the record's extras: names that the shop itself gives. Numbers go through whatever they are.
_NAMES = frozenset({"job", "part", "channel"})
_OF_FRAME = frozenset({"filename", "function", "module", "lineno", "in_app"})


class _Handler(logging.Handler):
    """Sends records; one that cannot be sent is no fault of the caller's."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(logging.ERROR)
        self._settings, self._pid = settings, os.getpid()
        self._inner = _start(settings)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over to the thread that sends it."""
        if record.name.startswith(("sentry_sdk", "urllib3")):
            return
        if self._pid != os.getpid():
            # Forked: neither thread nor connection of the parent are ours.
            self._pid, self._inner = os.getpid(), _start(self._settings)
        self._inner.emit(record)


def configure(settings: Settings) -> None:
    """Tell Sentry of faults from now on, if there is one; safe to call again (the last wins)."""
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
        stop()
    if settings.sentry_dsn:
        root.addHandler(_Handler(settings))


def flush(seconds: float = FLUSH_SECONDS) -> None:
    """Send what is not sent yet, for so long at most."""
    if "sentry_sdk" in sys.modules:
        import sentry_sdk

        sentry_sdk.flush(seconds)


def stop() -> None:
    """Send the rest, and nothing from now on."""
    import sentry_sdk

    sentry_sdk.get_client().close(FLUSH_SECONDS)


def _start(settings: Settings) -> logging.Handler:
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import EventHandler

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        environment=settings.bookstore_env,
        release=settings.bookstore_release,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[ExcepthookIntegration(), AtexitIntegration(lambda *_: None)],
        before_send=_cleaned,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        shutdown_timeout=int(FLUSH_SECONDS),
    )
    return EventHandler(logging.ERROR)


def _cleaned(event: "Event", hint: "Hint") -> "Event | None":
    """Return what is sent of an event."""
    kind = (hint.get("exc_info") or (None,))[0]
    if kind is not None and issubclass(kind, KeyboardInterrupt):
        return None
    whole: dict[str, Any] = dict(event)
    kept: dict[str, Any] = {name: whole[name] for name in _PLAIN & whole.keys()}
    if "logentry" in whole:
        # The words of the code, without what they were filled in with.
        kept["logentry"] = {"message": scrub_for_others(str(whole["logentry"]["message"]))}
    if "exception" in whole:
        kept["exception"] = {"values": [_exception(one) for one in whole["exception"]["values"]]}
    if "runtime" in whole.get("contexts", {}):
        kept["contexts"] = {"runtime": whole["contexts"]["runtime"]}
    kept["extra"] = {
        name: value
        for name, value in whole.get("extra", {}).items()
        if isinstance(value, int | float) or name in _NAMES
    }
    kept["tags"] = {"request_id": logs.request_id.get()}
    if trace := logs.trace_id.get():
        kept["tags"]["trace_id"] = trace
    if has_request_context() and request.url_rule is not None:
        kept["transaction"] = f"{request.method} {request.url_rule.rule}"
    return kept  # type: ignore[return-value]


def _exception(one: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        name: one[name] for name in ("type", "module", "mechanism") if name in one
    }
    kept["value"] = scrub_for_others(str(one.get("value") or ""))
    frames = (one.get("stacktrace") or {}).get("frames", ())
    kept["stacktrace"] = {
        "frames": [{name: frame[name] for name in _OF_FRAME & frame.keys()} for frame in frames]
    }
    return kept
