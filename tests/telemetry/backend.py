"""A Pushgateway and an OpenTelemetry collector on one port: keeps what it is sent, answers as told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.listening import Quiet, listening
from tests.waiting import HANG_S


@dataclass
class Backend:
    """What arrived."""

    url: str = ""
    status: int = 200
    free: threading.Event = field(default_factory=threading.Event)
    """While it is cleared, whoever asks hangs."""
    pushed: list[tuple[str, str]] = field(default_factory=list)
    """(path, body) of each PUT."""
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def spans(self) -> list[Any]:
        return [s for t in self.traces for r in t.resource_spans for scope in r.scope_spans for s in scope.spans]

    @property
    def resource(self) -> dict[str, str]:
        return {a.key: a.value.string_value for a in self.traces[-1].resource_spans[0].resource.attributes}


@contextlib.contextmanager
def backend() -> Iterator[Backend]:
    state = Backend()
    state.free.set()

    class Answer(Quiet):
        def do_PUT(self) -> None:
            state.pushed.append((self.path, self._body().decode()))
            self._end()

        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self._body()
            state.headers.append(dict(self.headers))
            if state.status == 200:
                state.traces.append(ExportTraceServiceRequest.FromString(body))
            self._end()

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _end(self) -> None:
            state.free.wait(HANG_S)
            with contextlib.suppress(OSError):  # whoever asked may have given up
                self.answer(b"", state.status)

    with listening(Answer) as url:
        state.url = url
        try:
            yield state
        finally:
            state.free.set()
