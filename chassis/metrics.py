"""What a process counts, for Prometheus at `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

TOLD = Counter("zhumeng_events_told", "Events the broker confirmed", ["topic"])
HEARD = Counter("zhumeng_messages_heard", "Messages handled, by what became of them", ["service", "topic", "outcome"])
HANDLING = Histogram(
    "zhumeng_handling_seconds",
    "From delivery to settlement",
    ["service", "topic"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
OUTBOX_WAITING = Gauge("zhumeng_outbox_waiting", "Committed events the broker does not have yet, up to one batch")
REQUESTS = Histogram(
    "zhumeng_http_seconds",
    "HTTP requests",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
