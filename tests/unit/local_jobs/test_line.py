"""Pods wait in the order of their arrival."""

from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.jobs.node.line import Line, arrival_order


def pod(name: str, created: str = "", **spec: Any) -> Manifest:
    return {"metadata": {"name": name, "uid": name, "creationTimestamp": created}, "spec": spec}


def test_first_come_first_served() -> None:
    """200 pods leave as they came, whatever happened to them meanwhile."""
    line, names = Line(), [f"p{number}" for number in range(200)]
    for name in names:
        line.put(pod(name))
    line.put(pod("p0"))

    assert names == [taken["metadata"]["name"] for _ in names if (taken := line.take())]
    assert line.take() is None


def test_a_gated_pod_lets_others_pass() -> None:
    """Whoever set the gate opens it."""
    line = Line()
    line.put(pod("gated", schedulingGates=[{"name": "wait"}]))
    line.put(pod("free"))

    assert pod("free") == line.take()
    assert line.take() is None


def test_a_pod_that_left_is_not_taken() -> None:
    """Deleted while it waited."""
    line = Line()
    line.put(pod("gone"))
    line.drop(pod("gone"))

    assert line.take() is None


def test_every_newcomer_is_told_once() -> None:
    """One write per waiting pod, not one per change in the line."""
    line = Line()
    line.put(pod("a"))

    assert (["a"], []) == ([each["metadata"]["name"] for each in line.newcomers()], line.newcomers())


def test_pods_from_before_go_by_age() -> None:
    """Then by name, so that the order is the same every time."""
    pods = [pod("c", "2026-01-02"), pod("b", "2026-01-01"), pod("a", "2026-01-02")]

    assert ["b", "a", "c"] == [each["metadata"]["name"] for each in arrival_order(pods)]
