"""What Prometheus reads."""

import re

from kelos.telemetry.metrics import Metrics


def test_a_queue_reports_depth_and_wait() -> None:
    """A growing depth is the first sign of an overloaded controller."""
    metrics = Metrics()
    meter = metrics.queue("tasks")
    meter.depth(3)
    meter.waited(0.2)

    text = metrics.render().decode()
    assert 'kelos_queue_depth{queue="tasks"} 3.0' in text
    assert 'kelos_queue_wait_seconds_count{queue="tasks"} 1.0' in text


def test_a_cache_is_read_when_asked() -> None:
    """A stuck cache must show although nothing happens any more."""
    metrics = Metrics()
    silence = [1.0]
    metrics.watch_cache("Task", objects=lambda: 7, silent_seconds=lambda: silence[0], lists=lambda: 1)
    silence[0] = 601.0

    text = metrics.render().decode()
    assert 'kelos_cache_objects{kind="Task"} 7.0' in text
    assert 'kelos_cache_silent_seconds{kind="Task"} 601.0' in text


def test_no_label_can_hold_an_objects_name() -> None:
    """One series per object would drown the server that stores them."""
    metrics = Metrics()
    collectors = [value for value in vars(metrics).values() if hasattr(value, "_labelnames")]

    assert collectors
    assert not {name for each in collectors for name in each._labelnames if re.search("name|task$|object", name)}
