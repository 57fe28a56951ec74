"""What ops scale and worry by, for Prometheus at `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600)

WAITING = Gauge("zhumeng_media_jobs_waiting", "Jobs nobody has taken yet", ["task"])
JOBS = Gauge("zhumeng_media_jobs", "Jobs that run, are paused after a fault, or are held for a person", ["state"])
OLDEST = Gauge("zhumeng_media_oldest_job_seconds", "How long the job queued first has been waiting")
STUCK = Gauge("zhumeng_media_stuck", "Uploads accepted that nothing goes on with; must read 0", ["kind"])
ENDED = Counter("zhumeng_media_jobs_ended", "Jobs by what became of them", ["task", "outcome"])
WAITED = Histogram("zhumeng_media_waited_seconds", "From queued to taken", ["task"], buckets=_SECONDS)
TOOK = Histogram("zhumeng_media_took_seconds", "From taken to ended", ["task"], buckets=_SECONDS)
