"""Settings of what the shop tells of itself: logs, metrics, traces, errors."""

from dataclasses import dataclass

from bookstore.config import checks
from bookstore.config.transport import Transport
from bookstore.config.values import BadSetting, setting

VERSION = "0.1.0"
"""Of the shop, as setup.cfg has it."""


def _port(value: int | None) -> str | None:
    return None if value is None else checks.between(1, 65_535)(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes(Transport):
    """What can be seen from outside of how the shop is doing."""

    log_level: str = setting(
        "INFO", "what is logged at least: DEBUG, INFO, WARNING or ERROR", check=checks.log_level
    )
    log_file: str | None = setting(
        None,
        "where the servers log besides the console; none: nowhere, as in containers (unset: "
        "logs/bookstore.log in the data folder)",
        check=checks.ok,
    )
    slow_query_ms: int = setting(
        500, "log statements slower than this many milliseconds", check=checks.between(1, 600_000)
    )
    metrics_token: str | None = setting(
        None,
        "bearer token of /metrics (unset: open to all, in production to nobody)",
        secret=True,
        check=checks.ok,
    )
    worker_metrics_port: int | None = setting(
        None,
        "port of /metrics of workers and scheduler, for machines without a web process",
        check=_port,
    )
    debug_toolbar: bool = setting(
        False, "Flask-DebugToolbar in the shop's pages; only in development", check=checks.ok
    )
    sentry_dsn: str | None = setting(
        None, "tells Sentry of errors (unset: only the log)", secret=True, check=checks.sentry
    )
    otel_exporter_otlp_endpoint: str | None = setting(
        None, "sends traces there by OTLP over HTTP (unset: no traces)", check=checks.web
    )
    otel_traces_sampler_arg: str = setting(
        "1.0", "which part of the traces that begin here is kept, 0 to 1", check=checks.ratio
    )
    bookstore_release: str | None = setting(
        None, "what traces and errors call this release: a version or a commit", check=checks.ok
    )

    def check_eyes(self, *, is_production: bool) -> None:
        """Check what must not be set in production.

        Raises:
            BadSetting: the toolbar is on, which shows anybody what the shop does inside.
        """
        if self.debug_toolbar and is_production:
            raise BadSetting("DEBUG_TOOLBAR: must not be on in production")
