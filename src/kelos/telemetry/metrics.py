"""The numbers that Prometheus reads. A label holds one of few words, or of the first that came; the rest is `other`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
WAIT_BUCKETS = (0.001, 0.01, 0.1, 0.5, 1, 5, 30, 120, 600)
OTHER = "other"


class Words:
    """Values of a label that come from outside: the first `limit` keep their series, later ones share one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, word: str) -> str:
        if word in self._known or not word:
            return word
        if len(self._known) >= self._limit or len(word) > 253:
            return OTHER
        self._known.add(word)
        return word


class Metrics:
    """One registry per process: what concerns the process, its loops and caches. What Tasks do is in `TaskMetrics`."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.passes = Counter(
            "kelos_passes", "Passes of a controller over one object", ["controller", "result"], registry=registry
        )
        self.pass_seconds = Histogram(
            "kelos_pass_seconds", "Time of one pass", ["controller"], buckets=WAIT_BUCKETS, registry=registry
        )
        self.errors = Counter(
            "kelos_reconcile_errors", "Passes that failed and are tried again", ["controller"], registry=registry
        )
        self.is_leader = Gauge("kelos_is_leader", "1 while this process leads", registry=registry)
        self._depth = Gauge("kelos_queue_depth", "Keys waiting for a worker", ["queue"], registry=registry)
        self._wait = Histogram(
            "kelos_queue_wait_seconds", "Time from add to work", ["queue"], buckets=WAIT_BUCKETS, registry=registry
        )
        self._objects = Gauge("kelos_cache_objects", "Objects in the caches of a kind", ["kind"], registry=registry)
        self._silence = Gauge(
            "kelos_cache_silent_seconds", "Time since the server was last heard of", ["kind"], registry=registry
        )
        self._lists = Gauge("kelos_cache_lists", "Full lists since the start", ["kind"], registry=registry)

    def queue(self, name: str) -> QueueMeter:
        """The meter to hand to a queue; several queues of one name share a series."""
        return QueueMeter(gauge=self._depth.labels(name), histogram=self._wait.labels(name))

    def loop(self, name: str) -> PassMeter:
        """The meter to hand to a loop."""
        return PassMeter(metrics=self, name=name)

    def watch_cache(
        self,
        kind: str,
        *,
        objects: Callable[[], float],
        silent_seconds: Callable[[], float],
        lists: Callable[[], float],
    ) -> None:
        """Read the numbers of a kind's caches whenever somebody asks for the metrics."""
        self._objects.labels(kind).set_function(objects)
        self._silence.labels(kind).set_function(silent_seconds)
        self._lists.labels(kind).set_function(lists)

    def render(self) -> bytes:
        """All numbers in the text format; serve it as CONTENT_TYPE."""
        return generate_latest(self.registry)


class QueueMeter:
    """What one queue reports. The depths of queues that share a series add up."""

    def __init__(self, *, gauge: Gauge, histogram: Histogram) -> None:
        self._gauge = gauge
        self._histogram = histogram
        self._keys = 0

    def depth(self, keys: int) -> None:
        self._gauge.inc(keys - self._keys)
        self._keys = keys

    def waited(self, seconds: float) -> None:
        self._histogram.observe(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMeter:
    """What one loop reports of its passes: `ok`, `again` for a quiet second look, `failed`, `broken` for a bug."""

    metrics: Metrics
    name: str

    def passed(self, result: str, seconds: float) -> None:
        self.metrics.passes.labels(self.name, result).inc()
        self.metrics.pass_seconds.labels(self.name).observe(seconds)
        if result in ("failed", "broken"):
            self.metrics.errors.labels(self.name).inc()
