"""A collector of traces: takes OTLP over HTTP (protobuf) and shows the spans it was sent."""

from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.fakes.serving import Answer, FakeServer


@dataclass(frozen=True)
class Seen:
    """One span as it arrived; ids in hex."""

    name: str
    trace: str
    id: str
    parent: str
    kind: str
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: tuple[str, ...]

    @property
    def traceparent(self) -> str:
        """As others are told of it."""
        return f"00-{self.trace}-{self.id}-01"


class FakeCollector(FakeServer):
    """Keeps every span, and every byte."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Seen] = []
        self.received = b""

    def answer(self, path: str, headers: Any, body: bytes) -> Answer:
        """Decode one batch, as a collector does."""
        if path != "/v1/traces" or headers["Content-Type"] != "application/x-protobuf":
            return 404, {"path": path}, {}
        self.received += body
        for several in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _plain(several.resource.attributes)
            for scope in several.scope_spans:
                self.spans += [_seen(one, resource) for one in scope.spans]
        return 200, None, {"Content-Type": "application/x-protobuf"}

    def named(self, name: str) -> list[Seen]:
        """Return the spans of a name."""
        with self._lock:
            return [one for one in self.spans if one.name == name]


def _seen(one: Span, resource: dict[str, Any]) -> Seen:
    return Seen(
        name=one.name,
        trace=one.trace_id.hex(),
        id=one.span_id.hex(),
        parent=one.parent_span_id.hex(),
        kind=Span.SpanKind.Name(one.kind).removeprefix("SPAN_KIND_").lower(),
        failed=one.status.code == Status.STATUS_CODE_ERROR,
        attributes=_plain(one.attributes),
        resource=resource,
        events=tuple(event.name for event in one.events) + tuple(one.status.message.split()),
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
