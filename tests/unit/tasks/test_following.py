"""From Job to end: progress, stopping, judging, letting go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

import make
from kelos.api import names
from kelos.api.conditions import timestamp
from kelos.api.kinds import JOB, TASK
from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.api.reasons import Reason
from kelos.outputs.document import encode_document
from kelos.plan import Delete, DropFinalizer, Patch, Plan, SetStatus
from kelos.tasks.evidence.facts import Complaint
from kelos.tasks.follow import needs_fresh_pods
from kelos.tasks.plan import plan
from planning import kinds_of, status_of

PENDING = {"phase": "Pending", "reason": "PodPending", "jobName": "fix-bug"}
RUNNING = {"phase": "Running", "jobName": "fix-bug", "startTime": "2026-02-07T08:30:00Z"}
CANCEL = {"annotations": {names.ANNOTATION_CANCEL: '{"by":"ann"}'}}


def document(reason: Reason | None = None, message: str = "", **facts: Any) -> str:
    return encode_document(Outcome(reason=reason, message=message, exit_code=0, **facts)).decode()


def test_a_task_runs_when_its_agent_runs_not_when_its_pod_exists():
    """An unschedulable pod is not a running agent."""
    task = make.task(status=PENDING)

    starting = plan(make.view(task, job=make.job(age=1), pods=(make.pod(),)))
    running = plan(make.view(task, job=make.job(age=1), pods=(make.running_pod(),)))

    assert [] == kinds_of(starting)
    assert ("Running", "2026-02-07T09:00:00Z") == (status_of(running)["phase"], status_of(running)["startTime"])


@pytest.mark.parametrize("pods", [(), (make.pod("fix-bug-x1", age=60),)], ids=["not there", "not started"])
def test_an_old_view_of_the_pod_does_not_contradict_the_status(pods):
    """Two controllers would else take turns, write after write."""
    task = make.task(status={**RUNNING, "podName": "fix-bug-x1"})

    assert [] == kinds_of(plan(make.view(task, job=make.job(age=60), pods=pods)))


def test_a_view_without_a_pod_does_not_say_that_there_is_none():
    told = {**PENDING, "podName": "fix-bug-x1", "message": "Pod 'fix-bug-x1' is being started"}

    assert [] == kinds_of(plan(make.view(make.task(status=told), job=make.job(age=60))))


@pytest.mark.parametrize("is_being_deleted", [False, True])
def test_a_view_without_the_newest_pod_does_not_name_the_one_before(is_being_deleted):
    gone = {
        "podName": "fix-bug-x1",
        "podUID": "uid-fix-bug-x1",
        "phase": "Failed",
        "reason": "AgentError",
        "message": "boom",
    }
    task = make.task(status={**RUNNING, "podName": "fix-bug-x2", "attempts": [gone]}, retries=1)
    first = make.ended_pod("fix-bug-x1", exit_code=1, age=60, is_being_deleted=is_being_deleted, holds_outcome=False)

    assert [] == kinds_of(plan(make.view(task, job=make.job(age=90), pods=(first,))))


def test_the_start_of_a_new_pod_is_told_when_the_end_of_the_old_one_is_written():
    gone = [
        {
            "podName": "fix-bug-x1",
            "podUID": "1",
            "phase": "Failed",
            "reason": "Evicted",
            "message": "drained",
            "fault": "Infrastructure",
        }
    ]
    task = make.task(status={**RUNNING, "podName": "fix-bug-x1", "attempts": gone})
    waiting = make.pod("fix-bug-x2", age=60)

    status = status_of(plan(make.view(task, job=make.job(age=90), pods=(waiting,))))

    assert ("PodPending", "fix-bug-x2") == (status["reason"], status["podName"])


@pytest.mark.parametrize(("age", "writes"), [(8, 0), (14, 0), (16, 1)])
def test_a_start_of_usual_length_is_not_told_step_by_step(age, writes):
    """Every state told is a write: pulled images and a clone take seconds, and then the Task runs."""
    task = make.task(status=PENDING)

    decided = plan(make.view(task, job=make.job(age=age), pods=(make.pod(age=age),)))

    assert writes == len(kinds_of(decided))


def test_success_waits_for_no_second_opinion():
    """The pod has ended normally; the Job controller will notice in its own time."""
    git = GitFacts(branch="feature", commit="a" * 40)
    outcome = document(git=git, usage=Usage(input_tokens=7, cost_usd="0.25"))

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(make.ended_pod(document=outcome),)))

    status = status_of(decided)
    assert ("Succeeded", "feature") == (status["phase"], status["results"]["branch"])
    assert ("0.25", 7) == (status["usage"]["cost"], status["usage"]["inputTokens"])


def test_the_pod_is_let_go_after_its_outcome_was_written():
    """A crash between the two loses nothing: the pod waits."""
    decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(make.ended_pod(document=document()),)))

    assert ["SetStatus", "DropFinalizer"] == kinds_of(decided)


def test_exit_code_zero_does_not_hide_the_runners_word():
    """An agent that claims success in the face of an error fails."""
    told = document(Reason.AGENT_INCOMPLETE, "the agent stopped at its turn limit")
    pod = make.ended_pod(exit_code=81, document=told)

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(failure="PodFailurePolicy"), pods=(pod,)))

    assert ("Failed", "AgentIncomplete") == (status_of(decided)["phase"], status_of(decided)["reason"])
    assert "the agent stopped at its turn limit" == status_of(decided)["message"]


def test_a_failed_pod_waits_for_the_jobs_verdict():
    """Kubernetes may be about to try again."""
    decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(make.ended_pod(exit_code=1),)))

    assert not any(isinstance(step, DropFinalizer) for step in decided.steps)


def test_an_attempt_that_was_replaced_is_written_down_and_held():
    """Its usage counts, and its pod tells it if the Task is deleted."""
    first = make.ended_pod("fix-bug-x1", exit_code=1, age=60, document=document(Reason.AGENT_ERROR, "boom"))
    second = make.running_pod("fix-bug-x2")
    task = make.task(status=RUNNING, retries=1)

    decided = plan(make.view(task, job=make.job(), pods=(first, second)))

    assert ["fix-bug-x1"] == [a["podName"] for a in status_of(decided)["attempts"]]
    assert ["SetStatus"] == kinds_of(decided)


def test_usage_of_all_attempts_adds_up():
    first = make.ended_pod(
        "p1", exit_code=1, age=60, document=document(Reason.AGENT_ERROR, usage=Usage(cost_usd="0.1"))
    )
    second = make.ended_pod("p2", document=document(usage=Usage(cost_usd="0.25", input_tokens=3)))

    decided = plan(make.view(make.task(status=RUNNING, retries=1), job=make.job(), pods=(first, second)))

    assert ("0.35", 3) == (status_of(decided)["usage"]["cost"], status_of(decided)["usage"]["inputTokens"])


def test_kubernetes_may_not_repeat_an_agent_more_often_than_asked():
    """The Job's backoff limit leaves room for lost nodes; agent errors must not use it."""
    pod = make.ended_pod(exit_code=1, document=document(Reason.AGENT_ERROR, "boom"))
    second = make.pod("p2", age=-1)

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(pod, second)))

    (patch,) = [s for s in decided.steps if isinstance(s, Patch)]
    assert (JOB, {"suspend": True}) == (patch.kind, patch.body["spec"])


def test_a_job_that_disappears_is_not_run_again():
    """A second run would cost twice and push twice."""
    decided = plan(make.view(make.task(status=RUNNING)))

    assert ("Failed", "JobDeleted") == (status_of(decided)["phase"], status_of(decided)["reason"])


@pytest.mark.parametrize("facts", [{}, {"has_succeeded": True}, {"failure": "DeadlineExceeded"}])
@pytest.mark.parametrize("meta", [{}, CANCEL], ids=["running", "cancelled"])
def test_somebody_elses_job_in_its_place_says_nothing_about_the_task(facts, meta):
    """Nor is it stopped with it, though it has the name."""
    theirs = make.job(owner="uid-of-somebody-else", age=60, **facts)

    decided = plan(make.view(make.task(status=RUNNING, meta=meta), job=theirs))

    assert ("Failed", "JobDeleted") == (status_of(decided)["phase"], status_of(decided)["reason"])
    assert ["SetStatus"] == kinds_of(decided)


def test_an_end_beside_somebody_elses_job_is_not_judged_by_a_cache_of_pods():
    """The Task's own pods may be running still."""
    theirs = make.job(owner="uid-of-somebody-else")

    assert needs_fresh_pods(make.view(make.task(status=RUNNING), job=theirs))


def test_a_pod_that_was_made_twice_does_not_spoil_the_success_of_the_other():
    """Kubernetes takes one of them away, and its end comes last."""
    git = GitFacts(branch="feature", commit="a" * 40)
    done = make.ended_pod("p1", document=document(git=git))
    twin = make.ended_pod("p2", exit_code=137, is_being_deleted=True)

    status = status_of(plan(make.view(make.task(status=RUNNING), job=make.job(has_succeeded=True), pods=(done, twin))))

    assert ("Succeeded", "a" * 40, "p1") == (status["phase"], status["results"]["commit"], status["podName"])


EARLIER = {"job_name": "fix-bug", "job_uid": "uid-of-an-earlier-job", "age": 60, "is_being_deleted": True}


def test_a_second_job_is_stopped():
    """A request to make the first one may arrive when that is gone; nobody can call it back."""
    first = make.ended_pod("p1", exit_code=88, document=document(Reason.CANCELLED, "stopped"), **EARLIER)

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(first, make.running_pod("p2"))))

    (patch,) = [s for s in decided.steps if isinstance(s, Patch)]
    assert ("JobDeleted", {"suspend": True}) == (status_of(decided)["reason"], patch.body["spec"])


def test_agents_of_both_jobs_are_paid_for():
    paid = {"usage": Usage(cost_usd="0.25")}
    first = make.ended_pod("p1", exit_code=88, document=document(Reason.CANCELLED, **paid), **EARLIER)
    second = make.ended_pod("p2", exit_code=88, document=document(Reason.CANCELLED, **paid))
    suspended = make.job(is_suspended=True, suspended_at=make.NOW)

    status = status_of(plan(make.view(make.task(status=RUNNING), job=suspended, pods=(first, second))))

    assert ("JobDeleted", "0.5") == (status["reason"], status["usage"]["cost"])


def test_a_success_is_not_spoilt_by_a_second_job_which_is_taken_away():
    done = make.ended_pod("p1", document=document(), **EARLIER)
    ended = make.task(status={**RUNNING, "phase": "Succeeded", "completionTime": "2026-02-07T08:59:00Z"})
    there = {"job": make.job(age=90), "pods": (done, make.running_pod("p2"))}

    judged, afterwards = plan(make.view(make.task(status=RUNNING), **there)), plan(make.view(ended, **there))

    assert "Succeeded" == status_of(judged)["phase"]
    assert [JOB] == [step.kind for step in afterwards.steps if isinstance(step, Delete)]


def test_an_outcome_survives_the_deletion_of_its_job():
    """The pod still holds it."""
    pod = make.ended_pod(document=document(), is_being_deleted=True)

    decided = plan(make.view(make.task(status=RUNNING), pods=(pod,)))

    assert "Succeeded" == status_of(decided)["phase"]


def test_a_deadline_is_called_a_deadline_though_the_runner_saw_a_signal():
    pod = make.ended_pod(exit_code=88, document=document(Reason.CANCELLED, "stopped"), is_being_deleted=True)

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(failure="DeadlineExceeded"), pods=(pod,)))

    assert "DeadlineExceeded" == status_of(decided)["reason"]


def test_an_evicted_pod_is_not_the_agents_fault():
    pod = make.ended_pod(exit_code=137, reason="Evicted", message="The node was low on memory")

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(failure="BackoffLimitExceeded"), pods=(pod,)))

    assert "Evicted" == status_of(decided)["reason"]
    assert "low on memory" in status_of(decided)["message"]


class TestCancel:
    """Suspend, wait, capture, delete."""

    def test_a_running_task_is_suspended_first(self):
        """The pod ends with its grace period and nobody replaces it."""
        decided = plan(make.view(make.task(status=RUNNING, meta=CANCEL), job=make.job(), pods=(make.running_pod(),)))

        assert ["SetStatus", "Patch"] == kinds_of(decided)
        assert "Cancelled by ann; waiting for the pod to end" == status_of(decided)["message"]

    def test_it_ends_when_the_pod_has_ended_with_its_cost_counted(self):
        outcome = document(Reason.CANCELLED, usage=Usage(cost_usd="0.03"))
        pod = make.ended_pod(exit_code=88, document=outcome, is_being_deleted=True)
        job = make.job(is_suspended=True, suspended_at=make.NOW)

        decided = plan(make.view(make.task(status=RUNNING, meta=CANCEL), job=job, pods=(pod,)))

        status = status_of(decided)
        assert ("Failed", "Cancelled", "0.03") == (status["phase"], status["reason"], status["usage"]["cost"])
        assert ["SetStatus", "Record", "DropFinalizer", "Delete"] == kinds_of(decided)

    def test_an_empty_pod_list_is_not_believed_before_the_job_controller_has_answered(self):
        """The cache may not have seen the pod yet."""
        decided = plan(make.view(make.task(status=RUNNING, meta=CANCEL), job=make.job(is_suspended=True)))

        assert "completionTime" not in status_of(decided)

    def test_a_pod_that_never_reports_does_not_keep_the_task_for_ever(self):
        suspended = make.NOW - timedelta(seconds=91)
        job = make.job(is_suspended=True, suspended_at=suspended)

        decided = plan(make.view(make.task(status=RUNNING, meta=CANCEL), job=job, pods=(make.running_pod(),)))

        assert "Failed" == status_of(decided)["phase"]

    def test_an_agent_that_ended_normally_before_it_was_stopped_has_succeeded(self):
        """The work is done and paid for."""
        decided = plan(
            make.view(
                make.task(status=RUNNING, meta=CANCEL), job=make.job(), pods=(make.ended_pod(document=document()),)
            )
        )

        assert "Succeeded" == status_of(decided)["phase"]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"by": 3}', '"x"', "[" * 200_000], ids=lambda text: text[:9])
    def test_any_value_of_the_annotation_cancels(self, text):
        """Somebody who types it by hand means it."""
        task = make.task(status=RUNNING, meta={"annotations": {names.ANNOTATION_CANCEL: text}})

        decided = plan(make.view(task, job=make.job(), pods=(make.running_pod(),)))

        assert "Patch" in kinds_of(decided)


class TestClientLease:
    LEASE: ClassVar = {"annotations": {names.ANNOTATION_LEASE: '{"holder":"run 1","count":3,"seconds":180}'}}

    def test_a_silent_client_loses_its_task(self):
        task = make.task(status=RUNNING, meta=self.LEASE)

        decided = plan(make.view(task, job=make.job(), pods=(make.running_pod(),), client_silence_seconds=181))

        assert "LeaseExpired" == status_of(decided)["reason"]

    @pytest.mark.parametrize("job", [make.job(), make.job(is_being_deleted=True), None], ids=["there", "going", "gone"])
    def test_what_one_controller_decided_another_one_does_not_take_back(self, job):
        """Each counts by its own clock; two that disagree would write in turns for ever."""
        asked = {"type": "StopRequested", "status": "True", "reason": "LeaseExpired", "message": "run 1 is silent"}
        asked |= {"lastTransitionTime": "2026-02-07T08:59:00Z"}
        message = "run 1 is silent; waiting for the pod to end"
        status = {**RUNNING, "reason": "LeaseExpired", "message": message, "conditions": [asked]}
        task = make.task(status=status, meta=self.LEASE)

        decided = plan(make.view(task, job=job, pods=(make.running_pod(),), client_silence_seconds=0))

        assert "LeaseExpired" == status_of(decided).get("reason", "LeaseExpired")

    def test_the_controller_looks_again_when_the_lease_would_lapse(self):
        task = make.task(status=RUNNING, meta=self.LEASE)

        decided = plan(make.view(task, job=make.job(), pods=(make.running_pod(),), client_silence_seconds=100))

        assert 80.5 == decided.again_in_seconds


class TestStart:
    """A pod that cannot start says why, and not for ever."""

    def stuck(self, age: float, **agent: Any) -> Plan:
        pod = make.pod(age=age, agent=make.container(**agent))
        return plan(make.view(make.task(status=PENDING), job=make.job(age=age), pods=(pod,)))

    def test_an_image_that_cannot_be_pulled_is_shown_at_once(self):
        decided = self.stuck(1, waiting_reason="ImagePullBackOff", waiting_message="not found: x:latest")

        assert ("ImagePull", True) == (status_of(decided)["reason"], "x:latest" in status_of(decided)["message"])

    def test_it_ends_the_task_after_the_start_timeout(self):
        decided = self.stuck(601, waiting_reason="ImagePullBackOff", waiting_message="not found: x:latest")

        assert "Patch" in kinds_of(decided)
        assert "gave up after 600 seconds" in status_of(decided)["message"]

    def test_passing_states_of_a_quick_start_are_not_written(self):
        """Every write costs; five seconds of starting interest nobody."""
        decided = self.stuck(2)

        assert [] == kinds_of(decided)


QUOTA = Complaint(reason="FailedCreate", message='Error creating: pods "x" is forbidden: exceeded quota: q')


class TestNextStart:
    """A pod that Kubernetes does not repeat says why, and not for ever; its back-off is no part of the time."""

    def between_pods(self, ended_ago: float, *, is_there: bool, **facts: Any) -> Plan:
        ended_at = make.NOW - timedelta(seconds=ended_ago)
        agent = make.container(has_started=True, started_at=ended_at, finished_at=ended_at, exit_code=1)
        lost = make.pod(age=ended_ago, phase="Failed", agent=agent)
        status = {**RUNNING, "podName": lost.name, "message": f"The agent runs in pod '{lost.name}'"}
        pods = (lost,) if is_there else ()
        if not is_there:
            end = {"podName": lost.name, "podUID": lost.uid, "reason": "Evicted", "message": "drained"}
            status["attempts"] = [{**end, "phase": "Failed", "completionTime": timestamp(ended_at)}]
        task = make.task(status=status, retries=1)
        return plan(make.view(task, job=make.job(age=9000), pods=pods, **facts))

    @pytest.mark.parametrize("is_there", [True, False], ids=["failed", "drained"])
    def test_it_is_told(self, is_there):
        """Nobody is told that an agent runs whose pod is over."""
        status = status_of(self.between_pods(120, is_there=is_there, complaints=(QUOTA,)))

        assert ("PodPending", True) == (status["reason"], "exceeded quota" in status["message"])

    @pytest.mark.parametrize("is_there", [True, False], ids=["failed", "drained"])
    def test_it_ends_the_task_after_the_start_timeout(self, is_there):
        decided = self.between_pods(611, is_there=is_there)

        assert "Patch" in kinds_of(decided)
        assert ("StartTimeout", True) == (status_of(decided)["reason"], "no next pod" in status_of(decided)["message"])

    @pytest.mark.parametrize("is_there", [True, False], ids=["failed", "drained"])
    def test_a_back_off_does_not_count(self, is_there):
        decided = self.between_pods(609, is_there=is_there)

        assert "Patch" not in kinds_of(decided)
        assert decided.again_in_seconds is not None

    def test_a_view_without_the_pod_at_work_gives_nobody_up(self):
        """The status knows of one that this view does not show."""
        gone = {"podName": "p1", "podUID": "u1", "phase": "Failed", "reason": "Evicted", "message": "drained"}
        told = {**RUNNING, "podName": "p2", "attempts": [{**gone, "completionTime": "2026-02-07T08:00:00Z"}]}

        assert [] == kinds_of(plan(make.view(make.task(status=told), job=make.job(age=9000))))

    def test_nobody_is_given_up_by_a_cache_of_pods(self):
        assert needs_fresh_pods(make.view(make.task(status=PENDING), job=make.job(age=601)))


class TestAfterTheEnd:
    def test_a_task_expires_from_its_end(self):
        ended = {"phase": "Succeeded", "completionTime": "2026-02-07T08:59:00Z"}

        early = plan(make.view(make.task(ttlSecondsAfterFinished=90, status=ended)))
        late = plan(make.view(make.task(ttlSecondsAfterFinished=60, status=ended)))

        assert ([], 30.0) == (kinds_of(early), early.again_in_seconds)
        assert [TASK] == [s.kind for s in late.steps if isinstance(s, Delete)]

    def test_it_does_not_expire_before_its_last_report(self):
        """People who wait for an answer get it, however short the Task's time is."""
        ended = {"phase": "Succeeded", "completionTime": "2026-02-07T08:59:00Z"}
        owed = {"finalizers": [names.FINALIZER_REPORT]}

        decided = plan(make.view(make.task(ttlSecondsAfterFinished=0, status=ended, meta=owed)))
        assert ([], None) == (kinds_of(decided), decided.again_in_seconds)

    @pytest.mark.parametrize(
        ("reported_at", "seconds_left"),
        [
            ("2026-02-07T08:59:30Z", 60.0),
            ("nonsense", 30.0),
            ("2026-02-07T08:59:30", 30.0),
            ("2027-01-01T00:00:00Z", 90.0),
        ],
    )
    def test_its_time_counts_from_its_last_report(self, reported_at, seconds_left):
        """A date that makes no sense, or in the future, keeps nothing for ever."""
        ended = {"phase": "Succeeded", "completionTime": "2026-02-07T08:59:00Z"}
        told = {"annotations": {names.ANNOTATION_REPORTED_AT: reported_at}}

        decided = plan(make.view(make.task(ttlSecondsAfterFinished=90, status=ended, meta=told)))
        assert ([], seconds_left) == (kinds_of(decided), decided.again_in_seconds)

    def test_it_does_not_expire_while_a_dependent_has_to_learn_its_results(self):
        """With a TTL of 0 that would be a race on every run."""
        ended = {"phase": "Succeeded", "completionTime": "2026-02-07T08:59:00Z"}

        decided = plan(make.view(make.task(ttlSecondsAfterFinished=0, status=ended), dependents=("next",)))

        assert [] == kinds_of(decided)

    def test_a_terminal_phase_never_goes_back(self):
        ended = {"phase": "Failed", "reason": "Cancelled", "completionTime": "2026-02-07T08:59:00Z"}

        decided = plan(make.view(make.task(status=ended), job=make.job(), pods=(make.running_pod(),)))

        assert not any(isinstance(step, SetStatus) for step in decided.steps)


class TestQueue:
    """A pod that a queue holds back is not late: its time begins when it has a node."""

    def test_waiting_in_a_queue_never_counts_against_the_start_timeout(self):
        pod = make.pod(age=5000, node="", gate="the node is full")

        decided = plan(make.view(make.task(status=PENDING), job=make.job(age=5000), pods=(pod,)))

        assert "ConcurrencyLimit" == status_of(decided)["reason"]
        assert "waits for its turn" in status_of(decided)["message"]
        assert "Patch" not in kinds_of(decided)

    def test_the_clock_starts_when_the_pod_has_a_node(self):
        pod = make.pod(age=5000, scheduled_at=make.NOW - timedelta(seconds=601))

        decided = plan(make.view(make.task(status=PENDING), job=make.job(age=5000), pods=(pod,)))

        assert "Patch" in kinds_of(decided)
