"""Jobs from creation to their end, with real processes."""

import asyncio
from pathlib import Path

import pytest

from kelos.api.kinds import EVENT, JOB, POD, SECRET

from .conftest import SPACE, Place, alive, condition, container, job, local_place, phase, until_file, waits

pytestmark = pytest.mark.anyio

MANY_SECONDS = 300.0
TERMINATION = {"name": "TERMINATION", "value": "/dev/termination-log"}


async def test_a_job_completes(place: Place) -> None:
    """The whole chain: Job, pod, process, status, log, termination message."""
    script = "echo hi; printf outcome > $TERMINATION"
    await place.create(JOB, job("hello", container(script, env=[TERMINATION])))

    done = await place.until(JOB, "hello", condition("Complete"))

    (pod,) = await place.pods("hello")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (1, 0, 0) == (done["status"]["succeeded"], done["status"]["ready"], done["status"]["terminating"])
    assert done["status"]["completionTime"]
    assert ("Succeeded", 0, "Completed", "outcome") == (
        pod["status"]["phase"],
        ended["exitCode"],
        ended["reason"],
        ended["message"],
    )
    assert b"hi\n" == await place.log(pod["metadata"]["name"])


async def test_a_finished_pod_is_counted_and_let_go(place: Place) -> None:
    """The tracking finalizer is off at the end, or nobody could ever delete the pod."""
    await place.create(JOB, job("hello", container("true")))
    await place.until(JOB, "hello", condition("Complete"))

    (pod,) = await place.pods("hello")
    await place.cluster.delete(POD, SPACE, pod["metadata"]["name"])

    await place.until_gone(POD, pod["metadata"]["name"])
    job_now = await place.find(JOB, "hello")
    assert job_now is not None
    assert 1 == job_now["status"]["succeeded"]


async def test_a_job_fails_after_its_retries(place: Place) -> None:
    """Every try is a pod; one more than the limit ends the Job."""
    await place.create(JOB, job("broken", container("exit 3"), backoffLimit=2))

    failed = await place.until(JOB, "broken", condition("Failed"))

    (why,) = [each for each in failed["status"]["conditions"] if each["type"] == "Failed"]
    assert ("BackoffLimitExceeded", "Job has reached the specified backoff limit") == (why["reason"], why["message"])
    assert 3 == failed["status"]["failed"]
    assert [3, 3, 3] == [
        pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] for pod in await place.pods("broken")
    ]


async def test_the_failure_policy_ends_a_job_at_once(place: Place) -> None:
    """A reserved exit code must not be retried."""
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    await place.create(JOB, job("final", container("exit 42"), podFailurePolicy={"rules": [rule]}, backoffLimit=5))

    failed = await place.until(JOB, "final", condition("Failed"))

    (why,) = [each for each in failed["status"]["conditions"] if each["type"] == "Failed"]
    (pod,) = await place.pods("final")
    name = pod["metadata"]["name"]
    sentence = f"Container main for pod {SPACE}/{name} failed with exit code 42 matching FailJob rule at index 0"
    assert ("PodFailurePolicy", sentence) == (why["reason"], why["message"])


async def test_a_job_past_its_deadline_kills_its_pods(place: Place, tmp_path: Path) -> None:
    """A deadline is the bound on spending: the process is gone when the Job has failed."""
    await place.create(JOB, job("slow", container(f"echo $$ > {tmp_path}/pid; exec sleep 600")))
    pid = await until_file(tmp_path / "pid")
    assert alive(pid)

    await place.cluster.patch(JOB, SPACE, "slow", {"spec": {"activeDeadlineSeconds": 1}})

    failed = await place.until(JOB, "slow", condition("Failed"))

    assert "DeadlineExceeded" in [each.get("reason") for each in failed["status"]["conditions"]]
    assert [] == await place.pods("slow")
    assert not alive(pid)


async def test_a_suspended_job_ends_its_pods_and_resumes_with_new_ones(place: Place, tmp_path: Path) -> None:
    """Suspension is how a cancelled run is stopped."""
    flag = tmp_path / "resumed"
    await place.create(JOB, job("pausing", container(f"test -e {flag} || exec sleep 600")))
    first = await place.until_pod("pausing", phase("Running"))

    await place.cluster.patch(JOB, SPACE, "pausing", {"spec": {"suspend": True}})
    await place.until(JOB, "pausing", condition("Suspended"))
    await place.until_gone(POD, first["metadata"]["name"])

    flag.touch()
    await place.cluster.patch(JOB, SPACE, "pausing", {"spec": {"suspend": False}})
    done = await place.until(JOB, "pausing", condition("Complete"))
    assert (1, None) == (done["status"]["succeeded"], done["status"].get("failed"))


async def test_several_completions_run_side_by_side(place: Place) -> None:
    """As many at once as parallelism allows, as many in all as completions say."""
    await place.create(JOB, job("many", container("true"), completions=5, parallelism=2))

    done = await place.until(JOB, "many", condition("Complete"))

    assert 5 == done["status"]["succeeded"]
    assert 5 == len(await place.pods("many"))


async def test_a_waiting_pod_replaces_nothing_until_the_old_one_failed(place: Place, tmp_path: Path) -> None:
    """With podReplacementPolicy Failed, two pods of one Job never work on the same thing."""
    script = f"trap '' TERM; echo $$ > {tmp_path}/deaf; while :; do sleep 0.05; done"
    spec = {"podReplacementPolicy": "Failed", "backoffLimit": 1}
    await place.create(JOB, job("careful", container(script), **spec))
    first = await place.until_pod("careful", phase("Running"))
    await until_file(tmp_path / "deaf")

    await place.cluster.delete(POD, SPACE, first["metadata"]["name"])
    both = await place.until_pod("careful", lambda pod: pod["metadata"]["uid"] != first["metadata"]["uid"])

    job_now = await place.find(JOB, "careful")
    assert job_now is not None
    assert await place.find(POD, first["metadata"]["name"]) is None or 1 == job_now["status"].get("failed")
    assert both["metadata"]["creationTimestamp"] > first["metadata"]["creationTimestamp"]


async def test_people_can_read_what_happened(place: Place) -> None:
    """Events tell the story in `describe`."""
    await place.create(JOB, job("told", container("true")))
    await place.until(JOB, "told", condition("Complete"))

    completed = lambda event: event["reason"] == "Completed"  # noqa: E731
    while not any(map(completed, (page := await place.cluster.list(EVENT, SPACE)).items)):
        await place.news(EVENT, page.resource_version)
    assert {"SuccessfulCreate", "Completed", "Scheduled", "Started"} <= {event["reason"] for event in page.items}


async def test_pods_run_in_their_turn(tmp_path: Path) -> None:
    """200 Jobs on two slots: never more than two at once, first come first served, and the others say why."""
    async with local_place(tmp_path, slots=2) as place:
        line = tmp_path / "line"
        names = [f"job-{number}" for number in range(200)]
        script = f"echo begin $JOB >> {line}; echo end $JOB >> {line}"
        for name in names:
            env = [{"name": "JOB", "value": name}]
            await place.create(JOB, job(name, container(script, env=env)))
        last = await place.until_pod(names[-1], condition_is_false("PodScheduled"))
        assert "runs in its turn" in last["status"]["conditions"][0]["message"]

        await asyncio.wait_for(_all_complete(place, names), MANY_SECONDS)

        most, running = 0, 0
        for word in line.read_text().split()[::2]:
            running += 1 if word == "begin" else -1
            most = max(most, running)
        assert most <= 2
        starts = [text.split()[1] for text in line.read_text().splitlines() if text.startswith("begin")]
        assert len(names) == len(set(starts))


async def _all_complete(place: Place, names: list[str]) -> None:
    for name in names:
        await place.until(JOB, name, condition("Complete"), patience_seconds=MANY_SECONDS)


def condition_is_false(type: str):  # type: ignore[no-untyped-def]
    return lambda found: any(
        each["type"] == type and each["status"] == "False" for each in found["status"].get("conditions") or ()
    )


async def test_a_job_needs_its_secret(place: Place) -> None:
    """A missing Secret is said in the pod's status; the pod starts by itself once it is there."""
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "later", "key": "token"}}}]
    await place.create(JOB, job("patient", container("echo $TOKEN", env=env)))

    waiting = await place.until_pod("patient", waits("CreateContainerConfigError"))
    state = waiting["status"]["containerStatuses"][0]["state"]["waiting"]
    assert 'secret "later" not found' == state["message"]

    await place.create(SECRET, {"metadata": {"name": "later"}, "stringData": {"token": "t0ps3cret"}})
    await place.until(JOB, "patient", condition("Complete"))
    assert b"t0ps3cret\n" == await place.log(waiting["metadata"]["name"])
