"""Ends that are judged, counted and cleaned up late, by halves, or by somebody who did not know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import make
from kelos.api import names
from kelos.api.kinds import JOB, LEASE, Manifest
from kelos.api.outcome import Outcome, Usage
from kelos.api.reasons import Reason
from kelos.outputs.document import encode_document
from kelos.plan import Delete, DropFinalizer, Patch, SetStatus
from kelos.settings import Settings
from kelos.tasks.evidence.facts import PodFacts
from kelos.tasks.follow import needs_fresh_pods
from kelos.tasks.plan import plan, plan_unreadable
from planning import jobs_of, kinds_of, status_of

RUNNING = {"phase": "Running", "jobName": "fix-bug", "startTime": "2026-02-07T08:30:00Z"}
CANCELLED = {"phase": "Failed", "reason": "Cancelled", "jobName": "fix-bug", "completionTime": "2026-02-07T08:59:00Z"}
LEASE_HELD = {"metadata": {"namespace": "team", "name": "kelos-branch-abc", "uid": "l", "resourceVersion": "7"}}


def document(reason: Reason | None = None, message: str = "", **facts: Any) -> str:
    return encode_document(Outcome(reason=reason, message=message, **facts)).decode()


def deleted(decided: Any, kind: Any) -> list[Delete]:
    return [step for step in decided.steps if isinstance(step, Delete) and step.kind is kind]


def test_a_lock_is_given_back_only_as_it_was_seen():
    """Whoever takes it over keeps the Lease's uid: deleting by uid alone would free the branch under his feet."""
    decided = plan(make.view(make.task(status=CANCELLED), held=(LEASE_HELD,)))

    (step,) = deleted(decided, LEASE)
    assert ("l", "7") == (step.uid, step.resource_version)


def test_a_lock_stays_while_a_pod_may_still_push():
    decided = plan(make.view(make.task(status=CANCELLED), pods=(make.running_pod(),), held=(LEASE_HELD,)))

    assert [] == deleted(decided, LEASE)


def test_an_attempt_that_ended_after_its_task_is_still_paid_for():
    """The pod of a lost node may report an hour later."""
    pod = make.ended_pod(exit_code=88, document=document(Reason.CANCELLED, usage=Usage(cost_usd="0.03")))

    decided = plan(make.view(make.task(status=CANCELLED), job=make.job(is_suspended=True), pods=(pod,)))

    assert ("0.03", "30m") == (status_of(decided)["usage"]["cost"], status_of(decided)["usage"]["costUSD"])
    assert "phase" not in status_of(decided)
    assert ["SetStatus", "Record", "DropFinalizer", "Delete"] == kinds_of(decided)


@pytest.mark.parametrize(
    ("status", "age"),
    [(CANCELLED, 3600), ({key: CANCELLED[key] for key in ("phase", "reason", "completionTime")}, 3600)],
)
def test_a_job_that_was_made_for_an_ended_task_is_removed(status, age):
    """A controller that slept between look and deed may make one: nobody would follow it."""
    decided = plan(make.view(make.task(status=status), job=make.job(age=age)))

    assert ["fix-bug"] == [step.name for step in deleted(decided, JOB)]


def test_the_job_of_a_task_that_ended_a_moment_ago_is_left_alone():
    """The Job controller is just slower than we are."""
    status = {**CANCELLED, "phase": "Succeeded", "reason": None}

    decided = plan(make.view(make.task(status=status), job=make.job(age=3600), pods=(make.ended_pod(),)))

    assert [] == deleted(decided, JOB)


def test_an_end_without_its_jobs_name_in_status_writes_it():
    """The controller may have died before it wrote down that the Job exists: first the start is told, then the end."""
    there = {"job": make.job(), "pods": (make.ended_pod(document=document()),)}

    told = plan(make.view(**there))
    ended = plan(make.view(make.task(status=status_of(told)), **there))

    assert ("Pending", "fix-bug", 0.0) == (
        status_of(told)["phase"],
        status_of(told)["jobName"],
        told.again_in_seconds,
    )
    assert "Succeeded" == status_of(ended)["phase"]


def test_an_end_is_told_though_nobody_knows_any_more_what_its_job_was_made_of():
    """The installation has no image for its agent any more."""
    there = {"job": make.job(), "pods": (make.ended_pod(document=document()),)}

    decided = plan(make.view(settings=Settings(agent_images={}), **there))

    assert ("Succeeded", "fix-bug") == (status_of(decided)["phase"], status_of(decided)["jobName"])


def test_pods_without_job_are_no_reason_to_start_again():
    """The Job went before its name was written; its pods tell that it was there."""
    decided = plan(make.view(pods=(make.ended_pod(exit_code=1),)))

    assert ([], "JobDeleted") == (jobs_of(decided), status_of(decided)["reason"])


@pytest.mark.parametrize(
    ("facts", "is_needed"),
    [
        ({}, True),
        ({"job": make.job()}, False),
        ({"job": make.job(has_succeeded=True)}, True),
        ({"job": make.job(failure="BackoffLimitExceeded")}, True),
        ({"job": make.job(is_suspended=True)}, True),
        ({"job": make.job(), "pods": (make.ended_pod(document=document()),)}, True),
    ],
)
def test_no_end_is_judged_by_pods_that_may_be_stale(facts, is_needed):
    """The caches of Jobs and pods are two streams; neither a verdict nor a record can be taken back."""
    assert is_needed is needs_fresh_pods(make.view(make.task(status=RUNNING), **facts))


def test_an_attempt_that_we_stopped_was_not_evicted():
    """Its pod was deleted by the suspended Job, not by a stranger."""
    pod = make.ended_pod(exit_code=88, document=document(Reason.CANCELLED, "stopped"), is_being_deleted=True)
    task = make.task(status=RUNNING, meta={"annotations": {names.ANNOTATION_CANCEL: "{}"}})

    decided = plan(make.view(task, job=make.job(is_suspended=True, suspended_at=make.NOW), pods=(pod,)))

    assert ["Cancelled"] == [attempt["reason"] for attempt in status_of(decided)["attempts"]]


def test_an_attempt_that_was_not_to_be_does_not_fail_like_the_one_before():
    """Kubernetes had made its pod already when the retries were found to be spent; its agent never started."""
    first = {"podName": "p1", "podUID": "u1", "phase": "Failed", "reason": "AgentError", "message": "boom"}
    asked = {"type": "StopRequested", "status": "True", "reason": "AgentError", "message": "boom"}
    status = {**RUNNING, "attempts": [first], "conditions": [{**asked, "lastTransitionTime": "2026-02-07T08:59:00Z"}]}
    second = make.pod(phase="Failed", is_being_deleted=True)

    decided = plan(make.view(make.task(status=status), job=SUSPENDED, pods=(second,)))

    assert ["AgentError", "Cancelled"] == [attempt["reason"] for attempt in status_of(decided)["attempts"]]


def test_a_pod_that_somebody_deleted_is_a_failure_of_the_cluster():
    pod = make.ended_pod(exit_code=88, document=document(Reason.CANCELLED, "stopped"), is_being_deleted=True)

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(failure="PodFailurePolicy"), pods=(pod,)))

    assert "Evicted" == status_of(decided)["reason"]
    assert "was deleted while the agent ran" in status_of(decided)["message"]


def evicted(number: int) -> Manifest:
    return {"podName": f"p{number}", "podUID": f"u{number}", "phase": "Failed", "reason": "Evicted", "message": "x"}


@pytest.mark.parametrize(("before", "is_stopped"), [(2, False), (3, True)])
def test_the_clusters_failures_have_a_budget_of_their_own(before, is_stopped):
    """Kubernetes ignores disruptions for ever; we do not."""
    status = {**RUNNING, "attempts": [evicted(number) for number in range(before)]}
    last = make.ended_pod("p9", exit_code=137, reason="Evicted", is_disrupted=True, age=60)

    decided = plan(make.view(make.task(status=status), job=make.job(), pods=(last, make.pod("p10", age=1))))

    assert is_stopped is any(isinstance(step, Patch) for step in decided.steps)


def evicted_pod() -> PodFacts:
    """The node took the pod away and does not say how its container ended: Kubernetes would try again."""
    said = "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi."
    agent = make.container(has_started=True, started_at=make.NOW, finished_at=make.NOW)
    return make.pod(phase="Failed", reason="Evicted", message=said, age=60, agent=agent)


SUSPENDED = make.job(is_suspended=True, suspended_at=make.NOW)


@pytest.mark.parametrize("is_still_there", [True, False])
@pytest.mark.parametrize("job", [SUSPENDED, make.job(failure="BackoffLimitExceeded")], ids=["by us", "by Kubernetes"])
def test_advice_does_not_depend_on_who_ends_the_job_first(job, is_still_there):
    """Whether we suspend it or Kubernetes gives up is a race, and so is whether its pod is still there."""
    pod, soon = evicted_pod(), make.NOW + timedelta(seconds=5)
    stopping = status_of(plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(pod,), now=soon)))

    pods = (pod,) if is_still_there else ()
    decided = plan(make.view(make.task(status={**RUNNING, **stopping}), job=job, pods=pods, now=soon))

    assert "ephemeral-storage" in status_of(decided)["diagnosis"]["advice"]


def test_a_job_that_its_policy_ends_anyway_is_not_stopped_by_us():
    """It would be called suspended; and the clock of its node may be behind ours."""
    pod = make.ended_pod(exit_code=1, document=document(Reason.AGENT_ERROR, "boom"))
    later = make.NOW + timedelta(seconds=30)

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(pod,), now=later))

    assert [] == [step for step in decided.steps if isinstance(step, Patch)]


def test_pods_of_an_agent_that_used_up_its_retries_stay_for_their_logs():
    """Suspending the Job keeps it from trying again; deleting it would take the logs away."""
    pod = make.ended_pod(exit_code=80, document=document(Reason.AGENT_ERROR, "boom"))
    job = make.job(is_suspended=True, suspended_at=make.NOW)

    decided = plan(make.view(make.task(status=RUNNING), job=job, pods=(pod,), now=make.NOW + timedelta(seconds=5)))

    assert [] == deleted(decided, JOB)


class TestUnreadable:
    """A Task that an older version stored and this one cannot understand."""

    def manifest(self, *, status: Manifest | None = None, **meta: Any) -> Manifest:
        found = make.task_manifest(type="aider", status=status, meta=meta)
        found["metadata"] |= {"uid": "u", "resourceVersion": "1"}
        return found

    def test_fails_with_the_sentence(self):
        decided = plan_unreadable(self.manifest(), "Task 'fix-bug': spec.type must be …", make.NOW)

        assert ("Failed", "InvalidSpec") == (status_of(decided)["phase"], status_of(decided)["reason"])

    def test_stops_its_agent_first(self):
        """Nobody would follow it any more, nor count what it spends."""
        decided = plan_unreadable(self.manifest(), "x", make.NOW, make.job(owner="u"))

        assert ["Patch", "SetStatus"] == kinds_of(decided)
        assert {"suspend": True} == decided.steps[0].body["spec"]

    @pytest.mark.parametrize("job", [make.job(owner="uid-of-somebody-else"), make.job(owner="u", is_suspended=True)])
    def test_stops_nothing_else_and_nothing_twice(self, job):
        assert ["SetStatus"] == kinds_of(plan_unreadable(self.manifest(), "x", make.NOW, job))

    def test_stays_as_it_ended(self):
        decided = plan_unreadable(self.manifest(status={"phase": "Succeeded"}), "x", make.NOW)

        assert () == decided.steps

    def test_can_be_deleted(self):
        gone = {"deletionTimestamp": "2026-02-07T08:00:00Z", "finalizers": [names.FINALIZER_TASK]}

        (step,) = plan_unreadable(self.manifest(**gone), "x", make.NOW).steps

        assert isinstance(step, DropFinalizer)
        assert names.FINALIZER_TASK == step.finalizer


def test_the_references_finalizer_goes_last_when_a_task_is_deleted():
    """Until its pods are over the Task stays to be seen."""
    meta = {"deletionTimestamp": "2026-02-07T08:59:00Z", "finalizers": [names.FINALIZER_TASK]}
    task = make.task(status=RUNNING, meta=meta)

    early = plan(make.view(task, job=make.job(), pods=(make.running_pod(),)))
    late = plan(make.view(task, job=make.job(is_being_deleted=True), pods=(make.ended_pod(),)))

    assert ["Delete"] == kinds_of(early)
    assert [names.FINALIZER_OUTCOME, names.FINALIZER_TASK] == [
        step.finalizer for step in late.steps if isinstance(step, DropFinalizer)
    ]
    assert not any(isinstance(step, SetStatus) for step in (*early.steps, *late.steps))
