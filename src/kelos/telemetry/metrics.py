"""The numbers that Prometheus reads. No label ever holds the name of an object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
WAIT_BUCKETS = (0.001, 0.01, 0.1, 0.5, 1, 5, 30, 120, 600)


class Metrics:
    """One registry per process; every number is created here, so that this file is the list of them."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.passes = Counter(
            "kelos_passes", "Passes of a controller over one object", ["controller", "result"], registry=registry
        )
        self.pass_seconds = Histogram(
            "kelos_pass_seconds", "Time of one pass", ["controller"], buckets=WAIT_BUCKETS, registry=registry
        )
        self.is_leader = Gauge("kelos_is_leader", "1 while this process leads", registry=registry)
        self.tasks_ended = Counter(
            "kelos_tasks_ended", "Tasks that ended", ["type", "phase", "reason"], registry=registry
        )
        self._depth = Gauge("kelos_queue_depth", "Keys waiting for a worker", ["queue"], registry=registry)
        self._wait = Histogram(
            "kelos_queue_wait_seconds", "Time from add to work", ["queue"], buckets=WAIT_BUCKETS, registry=registry
        )
        self._objects = Gauge("kelos_cache_objects", "Objects in a cache", ["kind"], registry=registry)
        self._silence = Gauge(
            "kelos_cache_silent_seconds", "Time since the server was last heard of", ["kind"], registry=registry
        )
        self._lists = Gauge("kelos_cache_lists", "Full lists since the start", ["kind"], registry=registry)

    def queue(self, name: str) -> QueueMeter:
        """The meter to hand to a queue."""
        return QueueMeter(gauge=self._depth.labels(name), histogram=self._wait.labels(name))

    def watch_cache(
        self,
        kind: str,
        *,
        objects: Callable[[], float],
        silent_seconds: Callable[[], float],
        lists: Callable[[], float],
    ) -> None:
        """Read a cache's numbers whenever somebody asks for the metrics."""
        self._objects.labels(kind).set_function(objects)
        self._silence.labels(kind).set_function(silent_seconds)
        self._lists.labels(kind).set_function(lists)

    def render(self) -> bytes:
        """All numbers in the text format; serve it as CONTENT_TYPE."""
        return generate_latest(self._registry)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMeter:
    """What one queue reports."""

    gauge: Gauge
    histogram: Histogram

    def depth(self, keys: int) -> None:
        self.gauge.set(keys)

    def waited(self, seconds: float) -> None:
        self.histogram.observe(seconds)
