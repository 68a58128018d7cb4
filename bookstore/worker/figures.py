"""``/metrics`` of a machine on which no web process runs: what its workers have counted."""

import hmac
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bookstore import instruments
from bookstore.config import Settings

log = logging.getLogger(__name__)


class _Counted(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from instruments.read()


class _Silent(WSGIRequestHandler):
    timeout = 5

    def log_message(self, *_: Any) -> None:
        """Say nothing of each scrape."""


def serve(settings: Settings) -> None:
    """Answer scrapes on WORKER_METRICS_PORT, in a thread, if one is set.

    A port that is taken is no error: another process of this machine answers for all of them.
    """
    if settings.worker_metrics_port is None:
        return
    try:
        server = make_server(
            settings.host, settings.worker_metrics_port, _page(settings), handler_class=_Silent
        )
    except OSError as error:
        why = error.strerror or str(error)
        log.info("another process answers for the figures", extra={"why": why})
        return
    threading.Thread(target=server.serve_forever, name="figures", daemon=True).start()


def _page(settings: Settings) -> Callable[..., Iterable[bytes]]:
    token = settings.metrics_token

    def page(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")[2].strip()
        if environ["PATH_INFO"] != "/metrics" or (token is None and settings.is_production):
            return _refuse(start_response, "404 Not Found")
        if token is not None and not hmac.compare_digest(given.encode("latin-1"), token.encode()):
            return _refuse(start_response, "401 Unauthorized")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Counted())
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
        return [generate_latest(registry)]

    return page


def _refuse(start_response: Callable[..., Any], status: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain"), ("WWW-Authenticate", "Bearer")])
    return [status.encode()]
