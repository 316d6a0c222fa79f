"""The Job controller's decisions."""

from datetime import timedelta
from itertools import count

import pytest

from kelos.local.jobs.control.plan import plan_job
from kelos.local.jobs.control.pods import build_pod, pod_name

from .make_jobs import NOW, SETTINGS, World, condition, job, pod

FAIL_ON_42 = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}
IGNORE_DISRUPTION = {
    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
}


def test_a_new_job_gets_its_pod_and_a_start_time() -> None:
    """One write and one pod."""
    plan = plan_job(job(), (), NOW, SETTINGS)

    assert 1 == plan.create
    assert plan.status is not None
    assert ("2026-02-07T09:00:00Z", 1) == (plan.status["startTime"], plan.status["active"])


@pytest.mark.parametrize(
    ("parallelism", "completions", "running", "expected"),
    [(1, 1, 0, 1), (3, 5, 0, 3), (3, 5, 2, 1), (5, 3, 0, 3), (0, 1, 0, 0), (2, None, 0, 2)],
)
def test_as_many_pods_as_wanted(parallelism: int, completions: int | None, running: int, expected: int) -> None:
    """Bounded by parallelism and by what is left to complete."""
    pods = tuple(pod(f"build-{number}") for number in range(running))

    assert expected == plan_job(job(parallelism=parallelism, completions=completions), pods, NOW, SETTINGS).create


def test_surplus_pods_go_the_youngest_first() -> None:
    """Less parallelism costs the pods that got least far."""
    waiting, ready = pod("waiting", "Pending"), pod("ready", conditions=("Ready",))
    del waiting["spec"]["nodeName"]

    assert ("waiting",) == plan_job(job(parallelism=1), (ready, waiting), NOW, SETTINGS).delete


def test_a_work_queue_gets_no_new_pods_after_a_success() -> None:
    """Without a number of completions one success means that the work is done."""
    queue = job(parallelism=2, completions=None, status={"startTime": "2026-02-07T09:00:00Z"})
    pods = (pod("one", "Succeeded", code=0), pod("two"))

    plan = plan_job(queue, pods, NOW, SETTINGS)

    assert (0, ()) == (plan.create, plan.delete)


@pytest.mark.parametrize("crash_after", [None, 0, 1, 2])
@pytest.mark.parametrize(("code", "type", "field"), [(0, "Complete", "succeeded"), (42, "Failed", "failed")])
def test_an_end_counts_once_however_the_controller_dies(
    crash_after: int | None, code: int, type: str, field: str
) -> None:
    """The uid is in the status before the finalizer goes, and leaves it together with the number."""
    world = World(job(podFailurePolicy=FAIL_ON_42))
    world.settle()
    world.end("build-1", code)

    world.settle(crash_after)

    assert condition(world.job, type) is not None
    assert (1, {}) == (world.job["status"][field], world.job["status"]["uncountedTerminatedPods"])
    assert 1 == world.made


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_job_gives_up_after_its_backoff_limit(limit: int) -> None:
    """The limit is about retries: one pod more than that."""
    world = World(job(backoffLimit=limit))
    for number in count(1):
        world.settle()
        if condition(world.job, "Failed"):
            break
        world.end(f"build-{number}", 1)

    assert limit + 1 == world.job["status"]["failed"] == world.made
    failed = condition(world.job, "Failed")
    assert failed is not None
    assert ("BackoffLimitExceeded", "Job has reached the specified backoff limit") == (
        failed["reason"],
        failed["message"],
    )


def test_a_failed_pod_that_somebody_deleted_still_counts() -> None:
    """Deleting evidence is no way to get more retries."""
    world = World(job(backoffLimit=1))
    for number in (1, 2):
        world.settle()
        world.end(f"build-{number}", 1)
        world.settle()
        del world.pods[f"build-{number}"]
    world.settle()

    assert 2 == world.job["status"]["failed"] == world.made


@pytest.mark.parametrize(("failures", "seconds"), [(1, 10), (2, 20), (3, 40), (7, 600)])
def test_the_wait_doubles(failures: int, seconds: int) -> None:
    """10 s, 20 s, 40 s … at most ten minutes, counted from the last failure's end."""
    pods = tuple(pod(f"build-{number}", "Failed", code=1, is_tracked=False) for number in range(failures))
    status = {"startTime": "2026-02-07T09:00:00Z", "failed": failures}

    plan = plan_job(job(backoffLimit=99, status=status), pods, NOW, SETTINGS)

    assert (0, timedelta(seconds=seconds)) == (plan.create, plan.again_after)


def test_a_success_ends_the_series_of_failures() -> None:
    """Failures before the last success are forgotten."""
    pods = (
        pod("one", "Failed", code=1, is_tracked=False, at=NOW - timedelta(minutes=2)),
        pod("two", "Succeeded", code=0, is_tracked=False, at=NOW - timedelta(minutes=1)),
    )
    status = {"startTime": "2026-02-07T08:00:00Z", "failed": 1, "succeeded": 1}

    assert 1 == plan_job(job(completions=2, status=status), pods, NOW, SETTINGS).create


def test_restarts_inside_a_pod_count_where_pods_restart() -> None:
    """restartPolicy OnFailure: the limit is about restarts."""
    restarting = pod(containers=[{"name": "main", "restartCount": 2, "state": {"running": {}}}])

    plan = plan_job(job(restart="OnFailure", backoffLimit=2), (restarting,), NOW, SETTINGS)

    assert ("build-1",) == plan.delete


def test_ignored_failures_are_replaced_and_not_counted() -> None:
    """A disruption costs no retry."""
    world = World(job(podFailurePolicy=IGNORE_DISRUPTION, backoffLimit=0))
    world.settle()
    world.end("build-1", 137)
    world.pods["build-1"]["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]

    world.settle()

    assert (2, 0) == (world.made, world.job["status"].get("failed", 0))


def test_a_fatal_exit_code_wins_over_the_backoff_limit() -> None:
    """The more exact reason is the one people see."""
    plan = plan_job(job(backoffLimit=0, podFailurePolicy=FAIL_ON_42), (pod(phase="Failed", code=42),), NOW, SETTINGS)

    assert plan.status is not None
    assert ["FailureTarget"] == [each["type"] for each in plan.status["conditions"]]
    assert "PodFailurePolicy" == plan.status["conditions"][0]["reason"]


@pytest.mark.parametrize(("policy", "expected"), [("Failed", 0), ("TerminatingOrFailed", 1)])
def test_when_a_terminating_pod_is_replaced(policy: str, expected: int) -> None:
    """`Failed` waits until it is really over: two pods of one Job never overlap."""
    going = pod(is_deleting=True, is_tracked=True)
    long_after = NOW + timedelta(minutes=1)

    assert expected == plan_job(job(podReplacementPolicy=policy), (going,), long_after, SETTINGS).create


def test_a_settled_job_is_left_alone() -> None:
    """No write without a change."""
    world = World(job())
    world.settle()

    plan = plan_job(world.job, tuple(world.pods.values()), NOW, SETTINGS)

    assert (None, (), (), 0) == (plan.status, plan.release, plan.delete, plan.create)


def test_a_pod_is_the_template_and_the_jobs_marks() -> None:
    """Labels, annotations and finalizers of the template, owner and tracking of the Job."""
    owner = job()
    owner["spec"]["template"]["metadata"] = {
        "labels": {"team": "a"}, "annotations": {"note": "b"}, "finalizers": ["example.org/hold"],
    }  # fmt: skip

    made = build_pod(owner, "x7k2p")["metadata"]

    assert "build-x7k2p" == made["name"]
    assert {
        "team": "a",
        "batch.kubernetes.io/controller-uid": "job-uid",
        "batch.kubernetes.io/job-name": "build",
        "controller-uid": "job-uid",
        "job-name": "build",
    } == made["labels"]
    assert {"note": "b"} == made["annotations"]
    assert ["example.org/hold", "batch.kubernetes.io/job-tracking"] == made["finalizers"]
    (reference,) = made["ownerReferences"]
    assert ("job-uid", True, True) == (reference["uid"], reference["controller"], reference["blockOwnerDeletion"])


def test_a_pods_name_is_a_host_name() -> None:
    """Sixty-three characters, the random part whole."""
    name = pod_name("j" * 63, "x7k2p")

    assert (63, "-x7k2p") == (len(name), name[-6:])
