"""Phase, conditions and container statuses from what the containers do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kelos.local.jobs.pod.states import (
    Container,
    Ended,
    Role,
    Running,
    State,
    Waiting,
    after_the_stop,
    first_states,
    should_restart,
)
from kelos.local.jobs.pod.status import Verdict, build_status, find_phase

from .make_jobs import NOW

WAITING, RUNNING = Waiting(reason="ContainerCreating"), Running(started_at=NOW)
GOOD = Ended(exit_code=0, reason="Completed", started_at=NOW, finished_at=NOW)
BAD = Ended(exit_code=3, reason="Error", started_at=NOW, finished_at=NOW)


def main(state: State, name: str = "main", **fields: object) -> Container:
    return replace(Container(name=name, image="i", role=Role.MAIN, state=state, id="x"), **fields)  # type: ignore[arg-type]


def init(state: State) -> Container:
    return Container(name="init", image="i", role=Role.INIT, state=state)


def sidecar(state: State, id: str = "x") -> Container:
    return Container(name="side", image="i", role=Role.SIDECAR, state=state, id=id)


@pytest.mark.parametrize(
    ("containers", "policy", "expected"),
    [
        ((main(WAITING),), "Never", "Pending"),
        ((main(RUNNING),), "Never", "Running"),
        ((main(GOOD),), "Never", "Succeeded"),
        ((main(BAD),), "Never", "Failed"),
        ((main(GOOD), main(RUNNING, "two")), "Never", "Running"),
        ((main(GOOD), main(BAD, "two")), "Never", "Failed"),
        ((main(BAD),), "OnFailure", "Running"),
        ((main(GOOD),), "OnFailure", "Succeeded"),
        ((main(GOOD),), "Always", "Running"),
        ((main(WAITING, last=BAD),), "OnFailure", "Running"),
        ((init(RUNNING), main(WAITING)), "Never", "Pending"),
        ((init(BAD), main(WAITING)), "Never", "Failed"),
        ((init(BAD), main(WAITING)), "OnFailure", "Pending"),
        ((init(GOOD), main(RUNNING)), "Never", "Running"),
        ((sidecar(RUNNING), main(WAITING)), "Never", "Pending"),
        ((sidecar(RUNNING), main(GOOD)), "Never", "Running"),
        ((sidecar(BAD), main(GOOD)), "Never", "Succeeded"),
    ],
)
def test_the_phase(containers: tuple[Container, ...], policy: str, expected: str) -> None:
    """A sidecar never fails a pod; a pod is over only when nothing of it runs."""
    assert expected == find_phase({"restartPolicy": policy}, containers)


def status(*containers: Container, old: dict[str, object] | None = None, **more: object) -> dict[str, object]:
    pod = {"spec": {"restartPolicy": "Never"}, "status": old or {}}
    return build_status(pod, containers, NOW, NOW, **more)  # type: ignore[arg-type]


def conditions(found: dict[str, object]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each.get("reason", "")) for each in found["conditions"]}  # type: ignore[attr-defined]


def test_conditions_of_a_running_pod() -> None:
    """All true."""
    yes = ("True", "")

    assert {"PodScheduled": yes, "Initialized": yes, "ContainersReady": yes, "Ready": yes} == conditions(
        status(main(RUNNING))
    )


def test_conditions_before_the_init_container_ended() -> None:
    """The reasons say what is missing."""
    found = conditions(status(init(RUNNING), main(WAITING)))

    assert ("False", "ContainersNotInitialized") == found["Initialized"]
    assert ("False", "ContainersNotReady") == found["Ready"]


@pytest.mark.parametrize(("end", "reason"), [(GOOD, "PodCompleted"), (BAD, "PodFailed")])
def test_conditions_at_the_end(end: Ended, reason: str) -> None:
    """An ended pod is not ready, and says why."""
    assert ("False", reason) == conditions(status(main(end)))["Ready"]


def test_the_transition_time_moves_only_with_the_status() -> None:
    """Or every write would look like news."""
    before = status(main(RUNNING))
    pod = {"spec": {"restartPolicy": "Never"}, "status": before}

    later = build_status(pod, (main(GOOD),), NOW, NOW + timedelta(minutes=5))

    times = {each["type"]: each["lastTransitionTime"] for each in later["conditions"]}
    assert ("2026-02-07T09:00:00Z", "2026-02-07T09:05:00Z") == (times["Initialized"], times["Ready"])


def test_a_stopped_pod_has_failed() -> None:
    """A pod that was deleted before it began did not succeed."""
    over = after_the_stop((main(WAITING, id=""),))

    found = status(*over, is_over=True)

    assert "Failed" == found["phase"]
    assert [("ContainerStatusUnknown", 137)] == [
        (each["state"]["terminated"]["reason"], each["state"]["terminated"]["exitCode"])
        for each in found["containerStatuses"]  # type: ignore[attr-defined]
    ]


def test_a_verdict_is_failure_even_when_the_container_ended_well() -> None:
    """A process that exits with 0 on SIGTERM did not make its deadline."""
    found = status(main(GOOD), is_over=True, verdict=Verdict(reason="DeadlineExceeded", message="late"))

    assert ("Failed", "DeadlineExceeded", "late") == (found["phase"], found["reason"], found["message"])


def test_behind_a_failed_init_container_the_others_still_wait() -> None:
    """They never were to start, so they have no end."""
    waiting = main(Waiting(reason="PodInitializing"))

    assert (init(BAD), waiting) == after_the_stop((init(BAD), waiting))


def test_messages_share_the_room_of_the_status() -> None:
    """Twelve KiB for all containers, and no half character."""
    talkative = replace(BAD, message="é" * 6000)

    found = status(*(main(talkative, f"c{number}") for number in range(4)))

    messages = [each["state"]["terminated"]["message"] for each in found["containerStatuses"]]  # type: ignore[attr-defined]
    assert {1536} == {len(message) for message in messages}


@pytest.mark.parametrize(
    ("policy", "role", "end", "expected"),
    [
        ("Never", Role.MAIN, BAD, False),
        ("OnFailure", Role.MAIN, BAD, True),
        ("OnFailure", Role.MAIN, GOOD, False),
        ("Always", Role.MAIN, GOOD, True),
        ("Never", Role.INIT, BAD, False),
        ("Always", Role.INIT, BAD, True),
        ("Always", Role.INIT, GOOD, False),
        ("Never", Role.SIDECAR, GOOD, True),
    ],
)
def test_what_is_started_again(policy: str, role: Role, end: Ended, expected: bool) -> None:
    """A sidecar always, an init container only after a failure."""
    assert expected is should_restart(policy, role, end)


def test_a_second_run_is_a_restart() -> None:
    """The former end stays visible."""
    again = main(BAD).runs("y", NOW)

    assert (1, BAD, RUNNING) == (again.restarts, again.last, again.state)


def test_first_states() -> None:
    """What waits for an init container says so."""
    spec = {
        "initContainers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i", "restartPolicy": "Always"}],
        "containers": [{"name": "c", "image": "i"}],
    }

    assert [("a", Role.INIT), ("b", Role.SIDECAR), ("c", Role.MAIN)] == [
        (each.name, each.role) for each in first_states(spec)
    ]
    assert {Waiting(reason="PodInitializing")} == {each.state for each in first_states(spec)}
