"""What spawners find and make, and what they ask GitHub, in numbers; the names are the reference's."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LOOK_BUCKETS = (0.5, 1, 2, 5, 10, 30, 60)


class SpawnerMetrics:
    """Of all spawners of the process together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._looks = Counter("kelos_spawner_discovery", "Looks at sources", registry=registry)
        self._errors = Counter("kelos_spawner_discovery_errors", "Looks at sources that failed", registry=registry)
        self._items = Counter("kelos_spawner_items_discovered", "Items that looks have found", registry=registry)
        self._tasks = Counter("kelos_spawner_tasks_created", "Tasks that spawners have created", registry=registry)
        self._seconds = Histogram(
            "kelos_spawner_discovery_duration_seconds", "Time of one look", buckets=LOOK_BUCKETS, registry=registry
        )

    def looked(self, items: int, seconds: float) -> None:
        self._looks.inc()
        self._items.inc(items)
        self._seconds.observe(seconds)

    def look_failed(self, seconds: float) -> None:
        self._looks.inc()
        self._errors.inc()
        self._seconds.observe(seconds)

    def created(self) -> None:
        self._tasks.inc()


class SourceMemoryMetrics:
    """What lists of sources take, of all spawners of the process together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._bytes = Gauge("kelos_source_memory_bytes", "Memory that lists of sources take", registry=registry)
        self._limit = Gauge("kelos_source_memory_limit_bytes", "What they may take at most", registry=registry)
        self._dropped = Counter(
            "kelos_source_memory_dropped", "Lists that made room for others and are read again", registry=registry
        )

    def watch(self, limit_bytes: int, size_bytes: Callable[[], float]) -> None:
        """Read the number whenever somebody asks for the metrics."""
        self._limit.set(limit_bytes)
        self._bytes.set_function(size_bytes)

    def dropped(self, size_bytes: int) -> None:
        self._dropped.inc()


class GitHubMetrics:
    """Requests to GitHub; `resource` and `status` are of few words by whoever counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "kelos_github_api_requests",
            "Requests to GitHub",
            ["method", "status_code", "resource"],
            registry=registry,
        )
        self._seconds = Histogram(
            "kelos_github_api_request_duration_seconds",
            "Time of one request to GitHub",
            ["method", "resource"],
            registry=registry,
        )

    def request(self, *, method: str, status: str, resource: str, seconds: float) -> None:
        self._requests.labels(method, status, resource).inc()
        self._seconds.labels(method, resource).observe(seconds)
