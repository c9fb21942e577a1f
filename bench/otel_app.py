"""The demo's app with OpenTelemetry's instrumentation of the libraries it uses: FastAPI, httpx, asyncpg.

Spans are batched as in production and then counted and dropped: an exporter's cost is not in it.
"""

import os
from pathlib import Path

import fastapi
from opentelemetry import trace
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class Counter(SpanExporter):
    """Counts spans; writes the number when the app ends."""

    spans = 0

    def export(self, spans):
        """Count."""
        self.spans += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self):
        """Tell."""
        Path(os.environ["SPANS_FILE"]).write_text(str(self.spans), encoding="ascii")


class Quiet(fastapi.FastAPI):
    """FastAPI without the spans of its own: the instrumentation makes them, once is enough."""

    def __init__(self, **options):
        super().__init__(telemetry={"tracing": False, "metrics": False, "logs": False}, **options)


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Counter()))
trace.set_tracer_provider(provider)
# The openai client speaks over httpx2, which has taken httpx's place.
HTTPX2ClientInstrumentor().instrument()
AsyncPGInstrumentor().instrument()
fastapi.FastAPI = Quiet

from stack.app import app  # noqa: E402  after its libraries are instrumented

FastAPIInstrumentor.instrument_app(app)
