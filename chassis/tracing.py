"""Traces across HTTP and events by W3C `traceparent`; spans are exported only where an endpoint is set.

Without an exporter the trace id still travels, so that one submission's log lines can be found by it.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
_exporting = False


def configure(service: str, endpoint: str | None) -> None:
    """Export spans to an OTLP/HTTP endpoint such as `http://127.0.0.1:4318`; None leaves tracing off."""
    global _exporting
    if endpoint is None:
        return
    # Imported here because the SDK costs 20 MB a process that only exporters need.
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"zhumeng-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)
    _exporting = True


def traceparent() -> str | None:
    """The current trace's header, to be sent along with a message."""
    return _TRACEPARENT.get()


@contextmanager
def span(name: str, parent: str | None = None) -> Iterator[None]:
    """Work under `parent`'s trace, or under a new one, with its id bound to the log lines."""
    with _exported(name, parent) if _exporting else _carried(parent) as header:
        token = _TRACEPARENT.set(header)
        with structlog.contextvars.bound_contextvars(trace=header.split("-")[1]):
            try:
                yield
            finally:
                _TRACEPARENT.reset(token)


@contextmanager
def _carried(parent: str | None) -> Iterator[str]:
    yield parent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


@contextmanager
def _exported(name: str, parent: str | None) -> Iterator[str]:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    context = propagator.extract({"traceparent": parent}) if parent else None
    with trace.get_tracer("zhumeng").start_as_current_span(name, context=context):
        carrier: dict[str, str] = {}
        propagator.inject(carrier)
        yield carrier["traceparent"]
