"""What tables show: ages, one word for a pod, and the values that printer columns point to."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from kelos.local.server.ages import age, duration
from kelos.local.server.builtin.pod_state import ready, restarts, state
from kelos.local.server.custom.json_path import compile_path, find_all

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (130, "2m10s"),
        (11 * 60 + 5, "11m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 60, "3h1m"),
        (9 * HOUR + 60, "9h"),
        (2 * DAY + HOUR, "2d1h"),
        (30 * DAY, "30d"),
        (800 * DAY, "2y70d"),
        (9 * 365 * DAY, "9y"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, expected: str) -> None:
    """Fewer the longer it takes."""
    assert expected == duration(seconds)


def test_an_age_without_a_time_is_unknown() -> None:
    """Never 56 years."""
    assert ("<unknown>", "5s") == (age(None, NOW), age((NOW - timedelta(seconds=5)).isoformat(), NOW))


def pod(
    *states: dict[str, Any], inits: tuple[dict[str, Any], ...] = (), phase: str = "Running", **metadata: Any
) -> Any:
    def statuses(each: tuple[dict[str, Any], ...], prefix: str) -> list[dict[str, Any]]:
        return [{"name": f"{prefix}{at}", "state": one, "ready": "running" in one} for at, one in enumerate(each)]

    return {
        "metadata": metadata,
        "spec": {
            "initContainers": [{"name": f"i{at}"} for at in range(len(inits))],
            "containers": [{"name": f"c{at}"} for at in range(len(states))],
        },
        "status": {
            "phase": phase,
            "initContainerStatuses": statuses(inits, "i"),
            "containerStatuses": statuses(states, "c"),
        },
    }


RUNNING: dict[str, Any] = {"running": {}}
DONE: dict[str, Any] = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pod(RUNNING), "Running"),
        (pod(phase="Pending"), "Pending"),
        (pod(waiting("ImagePullBackOff"), phase="Pending"), "ImagePullBackOff"),
        (pod(DONE, phase="Succeeded"), "Completed"),
        (pod(RUNNING, DONE), "Running"),
        (pod(DONE, RUNNING), "Running"),
        (pod({"terminated": {"exitCode": 3}}, phase="Failed"), "ExitCode:3"),
        (pod({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, phase="Failed"), "OOMKilled"),
        (pod(waiting("PodInitializing"), inits=(RUNNING,), phase="Pending"), "Init:0/1"),
        (pod(waiting("PodInitializing"), inits=(DONE, waiting("ErrImagePull"))), "Init:ErrImagePull"),
        (pod(inits=({"terminated": {"exitCode": 2}},)), "Init:ExitCode:2"),
        (pod(RUNNING, deletionTimestamp="x"), "Terminating"),
        (pod(DONE, phase="Succeeded", deletionTimestamp="x"), "Completed"),
    ],
)
def test_a_pod_has_one_word(given: Any, expected: str) -> None:
    """What keeps it from running comes before its phase."""
    assert expected == state(given)


def test_ready_counts_containers_that_serve() -> None:
    """Of all that should."""
    assert "1/2" == ready(pod(RUNNING, waiting("CrashLoopBackOff")))


def test_restarts_say_when_last() -> None:
    """A number alone does not tell whether it still happens."""
    given = pod(RUNNING)
    ended = {"terminated": {"finishedAt": "2026-01-02T03:03:05Z"}}
    given["status"]["containerStatuses"][0] |= {"restartCount": 2, "lastState": ended}

    assert "2 (60s ago)" == restarts(given, NOW)


DOCUMENT = {
    "spec": {"a.b/c": 1, "list": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "0": "zero"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".spec.list[0].v", [1]),
        (".spec.list[-1].v", [2]),
        (".spec.list[9].v", []),
        (".spec.list[*].n", ["x", "y"]),
        (".spec.list.*.n", ["x", "y"]),
        (r".spec.a\.b/c", [1]),
        (".spec['a.b/c']", [1]),
        ("{.spec.0}", ["zero"]),
        ("spec.nothing.more", []),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type!='Ready')].status", ["False"]),
        (".spec.list[?(@.v==2)].n", ["y"]),
    ],
)
def test_paths_find_values(path: str, expected: list[Any]) -> None:
    """What is missing is nothing, not an error."""
    assert expected == find_all(DOCUMENT, path)


@pytest.mark.parametrize("path", [".spec[", ".a[b]", ".a..b", ".a[?(@.b>1)]"])
def test_a_broken_path_is_an_error(path: str) -> None:
    """Found when a definition is installed, not when somebody looks."""
    with pytest.raises(ValueError, match="not understood"):
        compile_path(path)
