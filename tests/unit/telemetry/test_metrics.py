"""What Prometheus reads."""

from kelos.telemetry.metrics import Metrics
from kelos.telemetry.task_metrics import TaskMetrics


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


def test_queues_of_one_name_add_up() -> None:
    """One for each served namespace."""
    metrics = Metrics()
    first, second = metrics.queue("task"), metrics.queue("task")
    first.depth(3)
    second.depth(2)
    first.depth(1)

    assert 'kelos_queue_depth{queue="task"} 3.0' in metrics.render().decode()


def test_passes_are_counted_by_how_they_went() -> None:
    """A quiet second look is no error; a failure and a bug are."""
    metrics = Metrics()
    loop = metrics.loop("task")
    for result in ("ok", "again", "failed", "broken"):
        loop.passed(result, 0.01)

    text = metrics.render().decode()
    assert 'kelos_passes_total{controller="task",result="again"} 1.0' in text
    assert 'kelos_reconcile_errors_total{controller="task"} 2.0' in text


def test_no_label_can_hold_an_objects_name() -> None:
    """One series per object would drown the server that stores them; namespaces and spawners are few, and bounded."""
    metrics = Metrics()
    tasks = TaskMetrics(metrics.registry)
    found = [*vars(metrics).values(), *vars(tasks).values(), *tasks.tokens.values()]
    collectors = [value for value in found if hasattr(value, "_labelnames")]

    assert len(collectors) > 15
    assert {
        "controller", "result", "queue", "kind", "namespace", "type", "phase", "reason", "spawner", "model",
    } == {name for each in collectors for name in each._labelnames}  # fmt: skip
