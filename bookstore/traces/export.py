"""Sends spans to a collector by OTLP over HTTP; the only module that needs OpenTelemetry.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bookstore.config import Settings
from bookstore.traces import Kind, Value

log = logging.getLogger("bookstore.traces")
# It would say so at each batch, and at each span when the queue is full.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

# One batch may take so long; and how many spans wait meanwhile, the newest of which are lost.
EXPORT_SECONDS = 5.0
QUEUE, BATCH, EVERY_MS = 4096, 512, 2000

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_W3C = TraceContextTextMapPropagator()


class Exporting:
    """What makes spans in this process, and the thread that sends them."""

    def __init__(self, settings: Settings) -> None:
        endpoint = str(settings.otel_exporter_otlp_endpoint).rstrip("/")
        sampler = ParentBased(TraceIdRatioBased(float(settings.otel_traces_sampler_arg)))
        # Its own name and attributes first, so that OTEL_SERVICE_NAME and the like can change them.
        ours = {SERVICE_NAME: "bookstore", "deployment.environment.name": settings.bookstore_env}
        if settings.bookstore_release:
            ours[SERVICE_VERSION] = settings.bookstore_release
        resource = Resource(ours).merge(Resource.create())
        self._provider = TracerProvider(sampler, resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Calm(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_SECONDS)),
                max_queue_size=QUEUE,
                max_export_batch_size=BATCH,
                schedule_delay_millis=EVERY_MS,
            )
        )
        self._tracer = self._provider.get_tracer("bookstore")

    def start(
        self, name: str, kind: Kind, attributes: Mapping[str, Value], parent: str | None
    ) -> tuple[trace.Span, context.Context]:
        """Return a new span, and the context in which it is the current one."""
        above = None if parent is None else _W3C.extract({"traceparent": parent})
        made = self._tracer.start_span(
            name,
            above,
            kind=_KINDS[kind],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )
        return made, trace.set_span_in_context(made, above)

    def attach(self, new: context.Context) -> Any:
        """Make a context the current one; return what ``detach`` wants."""
        return context.attach(new)

    def detach(self, token: Any) -> None:
        """Go back to the context before."""
        context.detach(token)

    def mark_failed(self, span: trace.Span, why: str) -> None:
        """Mark a span as failed."""
        span.set_status(Status(StatusCode.ERROR))
        span.set_attribute("error.type", why)

    def is_recording(self) -> bool:
        """Whether the current span will be sent."""
        return trace.get_current_span().is_recording()

    def traceparent(self) -> str | None:
        """Return the current span's."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")

    def flush(self) -> None:
        """Send what there is."""
        self._provider.force_flush()

    def stop(self, seconds: float) -> None:
        """Send the rest; what is not sent in time is lost."""
        # By a thread: its own way of stopping waits for half a minute.
        ending = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        # Where the interpreter is ending, newer ones of Python start no more threads.
        with contextlib.suppress(RuntimeError):
            ending.start()
            ending.join(seconds)


class _Calm(SpanExporter):
    """Says once that a collector is away, and once that it is back."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner, self._away = inner, False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._inner.export(spans)
        except Exception as error:
            result = SpanExportResult.FAILURE
            log.debug("spans not sent: %s", type(error).__name__)
        away = result is not SpanExportResult.SUCCESS
        if away and not self._away:
            log.warning("the collector of traces does not take them; spans are lost until it does")
        elif self._away and not away:
            log.warning("the collector of traces is back")
        self._away = away
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)
