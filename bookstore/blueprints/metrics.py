"""/metrics: the shop's figures as Prometheus reads them (text format 0.0.4)."""

import hmac
import platform
from collections.abc import Iterator

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bookstore import errors, instruments
from bookstore.config.eyes import VERSION
from bookstore.extensions import settings
from bookstore.services import metrics
from bookstore.services.metrics import Figures

blp = Blueprint("metrics", __name__)


@blp.get("/metrics")
def read() -> Response:
    """Answer the figures; also, with what is known, while the database or Redis is away.

    Raises:
        NotFound: in production, as long as METRICS_TOKEN is not set.
        Unauthenticated: it is set, and the request does not bring it.
    """
    _require_token()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(metrics.collect()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _require_token() -> None:
    token = settings().metrics_token
    if token is None:
        if settings().is_production:
            raise errors.NotFound("There is no such page.")
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not same:
        raise errors.Unauthenticated("Send Authorization: Bearer <the metrics token>.")


class _Snapshot(Collector):
    """The figures of one scrape. What is not known is left out: no figure is better than a 0."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from instruments.read()
        figures = self.figures
        yield _gauge("up", "Whether it answers, or somebody is there.", "dependency", _up(figures))
        yield _build_info()
        yield _single("home_free_bytes", "Free in the data folder.", figures.free_bytes)
        yield from self._channels()
        yield _single(
            "webhook_breakers_open",
            "Endpoints that failed so often that nothing is sent for a while.",
            figures.breakers_open,
        )
        yield _single(
            "webhook_endpoints_disabled",
            "Endpoints nothing is sent to.",
            figures.endpoints_disabled,
        )
        yield _gauge("queue_depth", "Jobs that wait in a queue.", "queue", figures.queued)
        yield _gauge(
            "queue_oldest_job_age_seconds",
            "For how long the first job of a queue has waited; 0 when there is none.",
            "queue",
            figures.oldest_jobs,
        )
        yield _gauge("workers", "Workers alive, of a queue.", "queue", figures.workers)
        yield _single("schedulers", "Schedulers alive.", figures.schedulers)
        yield _single(
            "last_sweep_seconds",
            "Since a scheduler last looked for what is due.",
            figures.seconds_since_sweep,
        )
        yield _single(
            "sockets_open", "WebSockets and event streams, of all processes.", figures.sockets_open
        )

    def _channels(self) -> Iterator[Metric]:
        channels = self.figures.channels
        most = f"counted up to {metrics.MOST}"
        yield _gauge(
            "outgoing_pending",
            f"Messages not sent yet, due or not, {most}.",
            "channel",
            {name: channel.pending for name, channel in channels.items()},
        )
        yield _gauge(
            "outgoing_due",
            f"Messages that could be sent now and are not, {most}.",
            "channel",
            {name: channel.due for name, channel in channels.items()},
        )
        yield _gauge(
            "outgoing_held",
            f"Messages that wait for their endpoint to be enabled again, {most}.",
            "channel",
            {name: channel.held for name, channel in channels.items()},
        )
        yield _gauge(
            "outgoing_oldest_due_seconds",
            "For how long the oldest of the due ones has been due; 0 when there is none.",
            "channel",
            {name: channel.oldest_due_seconds or 0 for name, channel in channels.items()},
        )
        outcomes = CounterMetricFamily(
            "bookstore_outgoing_outcomes",
            "How attempts ended, since the shop was set up.",
            labels=["channel", "outcome"],
        )
        for name, channel in channels.items():
            for outcome, count in channel.outcomes.items():
                outcomes.add_metric([name, outcome], count)
        yield outcomes


def _up(figures: Figures) -> dict[str, bool]:
    found = dict(figures.up)
    if figures.schedulers is not None:
        found["worker"] = all(figures.workers.values())
        found["scheduler"] = figures.schedulers > 0
    return found


def _build_info() -> Metric:
    family = GaugeMetricFamily(
        "bookstore_build_info", "What runs here; always 1.", labels=["version", "python"]
    )
    family.add_metric([VERSION, platform.python_version()], 1)
    return family


def _gauge(
    name: str, text: str, label: str, values: "dict[str, int] | dict[str, float] | dict[str, bool]"
) -> Metric:
    family = GaugeMetricFamily(f"bookstore_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _single(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"bookstore_{name}", text)
    if value is not None:
        family.add_metric([], value)
    return family
