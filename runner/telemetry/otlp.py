"""OTLP: a run's spans to an OpenTelemetry collector, by HTTP and protobuf, in one request."""

from __future__ import annotations

import logging

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from runner.telemetry import trace
from runner.telemetry.finished import Finished

TIMEOUT_S = 3.0
PATH = "/v1/traces"
SCOPE = InstrumentationScope("chaos-run")


def send(url: str, run: Finished) -> str:
    """Export the run's trace to a collector's base URL. Returns why it could not be, without the URL, or an empty text.

    Headers, certificates and compression are those of the standard's own variables (OTEL_EXPORTER_OTLP_HEADERS, …).
    """
    exporter = OTLPSpanExporter(endpoint=url.rstrip("/") + PATH, timeout=TIMEOUT_S)
    with _Overheard() as heard:
        result = exporter.export(readable(run))
        exporter.shutdown()  # type: ignore[no-untyped-call]
    return "" if result is SpanExportResult.SUCCESS else heard.reason


def readable(run: Finished) -> list[ReadableSpan]:
    """The spans in the terms of the SDK, without a provider: nothing of it is global, and nothing is sampled away."""
    environment = run.record.environment
    told = {
        "service.name": "chaos-run",
        "service.version": environment.get("chaos-run"),
        "host.name": environment.get("host"),
    }
    resource = Resource.create({name: str(value) for name, value in told.items() if value})
    return [_readable(run.record.run, span, resource) for span in trace.spans(run)]


def _readable(run: str, span: trace.Span, resource: Resource) -> ReadableSpan:
    status = {None: StatusCode.UNSET, True: StatusCode.OK, False: StatusCode.ERROR}[span.ok]
    return ReadableSpan(
        name=span.name,
        context=_context(run, span.key),
        parent=_context(run, span.parent) if span.parent else None,
        resource=resource,
        attributes=span.attributes,
        events=[Event(m.name, m.attributes, m.at_ns) for m in span.moments],
        kind=SpanKind.INTERNAL,
        status=Status(status, span.said if status is StatusCode.ERROR else None),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def _context(run: str, key: str) -> SpanContext:
    numbers = int(trace.trace_id(run), 16), int(trace.span_id(run, key), 16)
    return SpanContext(*numbers, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class _Overheard(logging.Handler):
    """What the exporter logs instead of raising it: kept for the record instead of printed, and without the URL that may be in it."""

    def __init__(self) -> None:
        super().__init__()
        self._codes: list[str] = []
        self._logger = logging.getLogger("opentelemetry")

    @property
    def reason(self) -> str:
        return self._codes[-1] if self._codes else "the collector did not take it in time"

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        code = next((a for a in arguments if isinstance(a, int) and not isinstance(a, bool)), None)
        kind = next((type(a).__name__ for a in arguments if isinstance(a, Exception)), None)
        if code or kind:
            self._codes.append(f"HTTP {int(code)}" if code else str(kind))

    def __enter__(self) -> _Overheard:
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *details: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
