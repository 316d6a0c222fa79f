"""How a Job stops: its deadline, suspension, failure, deletion."""

from datetime import timedelta

import pytest

from kelos.local.jobs.control.plan import plan_job

from .make_jobs import NOW, SETTINGS, job, pod


def test_a_job_has_failed_only_when_its_pods_are_gone() -> None:
    """The decision is announced first; nothing runs any more once the Job is called Failed."""
    announced = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "late"}
    status = {"startTime": "2026-02-07T08:00:00Z", "conditions": [announced]}

    going = plan_job(job(status=status), (pod(is_deleting=True),), NOW, SETTINGS)
    gone = plan_job(job(status=status), (), NOW, SETTINGS)

    assert going.status is not None
    assert ["FailureTarget"] == [each["type"] for each in going.status["conditions"]]
    assert gone.status is not None
    assert ["FailureTarget", "Failed"] == [each["type"] for each in gone.status["conditions"]]
    assert ("DeadlineExceeded", "late") == (
        gone.status["conditions"][1]["reason"],
        gone.status["conditions"][1]["message"],
    )


@pytest.mark.parametrize(("after_seconds", "expected"), [(59, ()), (60, ("build-1",)), (61, ("build-1",))])
def test_the_deadline_is_exact(after_seconds: int, expected: tuple[str, ...]) -> None:
    """Counted from the Job's start."""
    status = {"startTime": "2026-02-07T09:00:00Z"}
    later = NOW + timedelta(seconds=after_seconds)

    assert expected == plan_job(job(activeDeadlineSeconds=60, status=status), (pod(),), later, SETTINGS).delete


def test_the_deadline_wakes_the_controller() -> None:
    """Nothing else would, when the pod hangs."""
    plan = plan_job(job(activeDeadlineSeconds=60), (pod(),), NOW, SETTINGS)

    assert timedelta(seconds=60) == plan.again_after


def test_a_suspended_job_gives_up_its_pods() -> None:
    """They lose the tracking finalizer first: a pod that was not wanted is no failure."""
    status = {"startTime": "2026-02-07T08:00:00Z", "active": 1}

    plan = plan_job(job(suspend=True, activeDeadlineSeconds=60, status=status), (pod(),), NOW, SETTINGS)

    assert (("build-1",), ("build-1",)) == (plan.release, plan.delete)
    assert plan.status is not None
    assert (0, 1) == (plan.status.get("active", 0), plan.status["terminating"])
    assert [("Suspended", "True", "JobSuspended", "Job suspended")] == [
        (each["type"], each["status"], each["reason"], each["message"]) for each in plan.status["conditions"]
    ]


def test_a_resumed_job_starts_anew() -> None:
    """Its deadline too; the condition stays and says that it is over."""
    suspended = {"type": "Suspended", "status": "True", "reason": "JobSuspended", "message": "Job suspended"}

    status = {"startTime": "2026-02-07T08:00:00Z", "conditions": [suspended]}
    plan = plan_job(job(activeDeadlineSeconds=60, status=status), (), NOW, SETTINGS)

    assert plan.status is not None
    assert ("2026-02-07T09:00:00Z", 1) == (plan.status["startTime"], plan.create)
    assert ["Resumed"] == [telling.reason for telling in plan.tellings]
    assert ("False", "JobResumed") == (plan.status["conditions"][0]["status"], plan.status["conditions"][0]["reason"])


def test_a_finished_job_only_lets_go() -> None:
    """Nothing is created, whatever the numbers say."""
    finished = job(status={"conditions": [{"type": "Complete", "status": "True"}]})

    plan = plan_job(finished, (pod("build-1", "Failed", code=1), pod("build-2")), NOW, SETTINGS)

    assert (None, 0) == (plan.status, plan.create)
    assert (("build-1", "build-2"), ("build-2",)) == (plan.release, plan.delete)


def test_a_job_that_goes_makes_no_pods_and_holds_none() -> None:
    """Its pods must be deletable."""
    going = job()
    going["metadata"]["deletionTimestamp"] = "2026-02-07T09:00:00Z"

    plan = plan_job(going, (pod(),), NOW, SETTINGS)

    assert (0, ("build-1",)) == (plan.create, plan.release)


def test_a_failing_jobs_pods_do_count() -> None:
    """Pods that the deadline killed are failures, so they keep the finalizer until they are counted."""
    status = {"startTime": "2026-02-07T08:00:00Z"}

    plan = plan_job(job(activeDeadlineSeconds=60, status=status), (pod(),), NOW, SETTINGS)

    assert ((), ("build-1",)) == (plan.release, plan.delete)
