"""What a Task used is on record before the last thing lets go that knows of it."""

from __future__ import annotations

from typing import Any

import pytest

import make
from kelos.api import names
from kelos.api.codec import parse_task
from kelos.api.kinds import Manifest
from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.api.reasons import Reason
from kelos.outputs.document import encode_document
from kelos.plan import Plan, Record
from kelos.pods.origin import Origin, decode, encode, origin_of
from kelos.tasks.accounts.record import Leftover, plan_leftovers
from kelos.tasks.plan import plan
from planning import kinds_of, status_of

RUNNING = {"phase": "Running", "jobName": "fix-bug", "startTime": "2026-02-07T08:30:00Z"}
USED = Usage(
    input_tokens=7,
    output_tokens=5,
    cache_read_tokens=100,
    cache_write_tokens=20,
    reasoning_tokens=2,
    cost_usd="0.25",
    model="m-4-really",
)
SPENT = {"cost": "0.25", "costUSD": "250m"}


def document(reason: Reason | None = None, usage: Usage = USED, **facts: Any) -> str:
    return encode_document(Outcome(reason=reason, usage=usage, **facts)).decode()


def record_of(decided: Plan) -> Manifest:
    """The one record of a plan."""
    (step,) = [step for step in decided.steps if isinstance(step, Record)]
    return step.manifest


def records_of(decided: Plan) -> list[Record]:
    return [step for step in decided.steps if isinstance(step, Record)]


def test_a_record_says_who_used_what_for_what():
    """One line of the bill has everything that somebody who pays may ask."""
    meta = {"labels": {"team": "shop"}, "annotations": {names.ANNOTATION_TRIGGERED_BY: "ann via run 7"}}
    task = make.task(status=RUNNING, branch="feature", workspaceRef={"name": "repo"}, model="m-4", meta=meta)
    git = GitFacts(branch="feature", commit="a" * 40, pull_requests=("https://git.test/pr/1", "https://git.test/pr/2"))
    pod = make.ended_pod(document=document(git=git))

    record = record_of(plan(make.view(task, job=make.job(), pods=(pod,))))

    assert {"name": "uid-fix-bug", "namespace": "team", "labels": {"team": "shop"}} == record["metadata"]
    assert {
        "taskRef": {"name": "fix-bug", "uid": "uid-fix-bug"},
        "phase": "Succeeded",
        "type": "demo",
        "model": "m-4-really",
        "startTime": "2026-02-07T09:00:00Z",
        "completionTime": "2026-02-07T09:00:00Z",
        "attempts": 1,
        "usage": {
            "inputTokens": 7,
            "outputTokens": 5,
            "cacheReadTokens": 100,
            "cacheWriteTokens": 20,
            "reasoningTokens": 2,
            "cost": "0.25",
            "costUSD": "250m",
            "model": "m-4-really",
        },
        "triggeredBy": "ann via run 7",
        "workspace": "repo",
        "branch": "feature",
        "commit": "a" * 40,
        "pullRequests": ["https://git.test/pr/1", "https://git.test/pr/2"],
    } == record["spec"]


def test_the_record_comes_after_the_end_and_before_its_pod_is_let_go():
    """A crash in between leaves the pod, which tells the next process that a record is owed."""
    pod = make.ended_pod(document=document())

    decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(pod,)))

    assert ["SetStatus", "Record", "DropFinalizer"] == kinds_of(decided)


@pytest.mark.parametrize("usage", [Usage(), Usage(model="m-4")])
def test_a_task_that_used_nothing_has_no_record(usage):
    """The name of a model alone is no usage."""
    pod = make.ended_pod(document=document(usage=usage))

    assert [] == records_of(plan(make.view(make.task(status=RUNNING), job=make.job(), pods=(pod,))))


def test_a_failure_is_paid_for_too_and_says_why():
    pod = make.ended_pod(exit_code=80, document=document(Reason.AGENT_ERROR))
    job = make.job(failure="PodFailurePolicy")

    spec = record_of(plan(make.view(make.task(status=RUNNING), job=job, pods=(pod,))))["spec"]

    assert ("Failed", "AgentError", "0.25") == (spec["phase"], spec["reason"], spec["usage"]["cost"])


def ended(**more: Any) -> Manifest:
    attempt = {"podName": "p", "podUID": "uid-fix-bug-x1", "phase": "Succeeded", "message": "x", "usage": SPENT}
    done = {"phase": "Succeeded", "completionTime": "2026-02-07T08:00:00Z", "jobName": "fix-bug"}
    return {**done, "attempts": [attempt], "usage": SPENT, **more}


def test_no_record_is_written_while_a_pod_may_still_use_something():
    """Kubernetes may have made two; what one of them used first waits for the other, held by its finalizer."""
    pods = (make.ended_pod(document=document()), make.running_pod("fix-bug-x2"))

    assert [] == kinds_of(plan(make.view(make.task(status=ended()), job=make.job(age=7200), pods=pods)))


def test_the_last_pod_completes_the_record():
    """Its cost counts, the verdict stays; the status says it first."""
    late = make.ended_pod("fix-bug-x2", exit_code=88, document=document(Reason.CANCELLED))
    task = make.task(status=ended(), ttlSecondsAfterFinished=0)

    decided = plan(make.view(task, job=make.job(has_succeeded=True), pods=(make.ended_pod(), late)))

    assert ["SetStatus", "Record", "DropFinalizer", "DropFinalizer", "Delete"] == kinds_of(decided)
    spec = record_of(decided)["spec"]
    assert (2, "0.5", "Succeeded") == (spec["attempts"], spec["usage"]["cost"], spec["phase"])
    assert "0.5" == status_of(decided)["usage"]["cost"]


def test_what_is_on_record_is_not_written_again():
    """Thousands of finished Tasks are looked at on every start."""
    let_go = make.ended_pod(document=document(), holds_outcome=False)

    assert () == plan(make.view(make.task(status=ended()), job=make.job(has_succeeded=True), pods=(let_go,))).steps


class TestPodsThatGoEarly:
    """A node that is drained must not wait for the end of the Task."""

    def view(self, **meta: Any) -> Any:
        gone = make.ended_pod(
            exit_code=88, document=document(Reason.CANCELLED), is_being_deleted=True, is_disrupted=True
        )
        new = make.running_pod("fix-bug-x2")
        return make.view(make.task(status=RUNNING, meta=meta), job=make.job(), pods=(gone, new))

    def test_the_task_itself_holds_what_they_used(self):
        decided = plan(self.view())

        assert "0.25" == status_of(decided)["usage"]["cost"]
        assert ["SetStatus", "AddFinalizer", "DropFinalizer"] == kinds_of(decided)

    def test_it_is_asked_once(self):
        assert ["SetStatus", "DropFinalizer"] == kinds_of(plan(self.view(finalizers=[names.FINALIZER_RECORD])))

    def test_the_task_is_let_go_after_its_record(self):
        task = make.task(status=ended(), meta={"finalizers": [names.FINALIZER_RECORD]})

        decided = plan(make.view(task, job=make.job(has_succeeded=True)))

        assert ["Record", "DropFinalizer"] == kinds_of(decided)

    def test_a_task_that_is_deleted_meanwhile_goes_after_its_record(self):
        gone = {"deletionTimestamp": "2026-02-07T08:59:00Z", "finalizers": [names.FINALIZER_RECORD]}
        status = ended(phase="Running", completionTime=None)
        pod = make.ended_pod("fix-bug-x2", exit_code=88, document=document(Reason.CANCELLED))

        running = plan(make.view(make.task(status=status, meta=gone), job=make.job(), pods=(make.running_pod(),)))
        over = plan(make.view(make.task(status=status, meta=gone), pods=(pod,)))

        assert ["Delete"] == kinds_of(running)
        assert ["Record", "DropFinalizer", "DropFinalizer"] == kinds_of(over)
        spec = record_of(over)["spec"]
        assert ("Failed", "Cancelled", "0.5") == (spec["phase"], spec["reason"], spec["usage"]["cost"])

    def test_a_pod_that_used_nothing_holds_nobody(self):
        gone = make.ended_pod(exit_code=137, reason="Evicted", is_being_deleted=True)
        pods = (gone, make.running_pod("fix-bug-x2"))

        decided = plan(make.view(make.task(status=RUNNING), job=make.job(), pods=pods))

        assert "AddFinalizer" not in kinds_of(decided)


class TestTheTaskIsGone:
    """Deleted while it ran: its pods carry what its record says."""

    def pods(self, *used: Usage) -> tuple[Any, ...]:
        task = make.task(branch="feature", meta={"labels": {"team": "shop"}})
        whose = {"task_name": "fix-bug", "task_uid": "uid-fix-bug", "origin": encode(origin_of(task))}
        return tuple(
            make.ended_pod(
                f"p{number}",
                exit_code=88,
                document=document(Reason.CANCELLED, usage=usage),
                is_being_deleted=True,
                **whose,
            )
            for number, usage in enumerate(used)
        )

    def test_every_attempt_is_on_one_record(self):
        pods = self.pods(USED, USED)

        decided = plan_leftovers([Leftover(pods=pods, logs={})], make.NOW)

        assert ["Record", "DropFinalizer", "DropFinalizer"] == kinds_of(decided)
        record = record_of(decided)
        assert ("uid-fix-bug", {"team": "shop"}) == (record["metadata"]["name"], record["metadata"]["labels"])
        spec = record["spec"]
        assert ("Failed", "Cancelled", 2) == (spec["phase"], spec["reason"], spec["attempts"])
        assert ("demo", "feature", "0.5") == (spec["type"], spec["branch"], spec["usage"]["cost"])
        assert "2026-02-07T09:00:00Z" == spec["completionTime"]

    def test_pods_that_used_nothing_are_just_let_go(self):
        decided = plan_leftovers([Leftover(pods=self.pods(Usage()), logs={})], make.NOW)

        assert ["DropFinalizer"] == kinds_of(decided)

    def test_an_image_that_only_prints_markers_is_read_from_its_log(self):
        (pod,) = self.pods(USED)
        pod = make.ended_pod(task_name="fix-bug", task_uid="uid-fix-bug", origin=pod.origin)
        log = f"{names.MARKER_START}\ncost-usd: 0.5\n{names.MARKER_END}\n"

        spec = record_of(plan_leftovers([Leftover(pods=(pod,), logs={pod.uid: log})], make.NOW))["spec"]

        assert ("Succeeded", "0.5") == (spec["phase"], spec["usage"]["cost"])


class TestOrigin:
    """What a pod carries for its Task's record."""

    def test_comes_back_as_it_was(self):
        origin = Origin(agent_type="demo", model="m", workspace="w", branch="b", triggered_by="t", labels={"a": "b"})

        assert origin == decode(encode(origin))

    @pytest.mark.parametrize("text", ["", "[]", "no", '{"agent_type": 7, "labels": []}', "[" * 5000])
    def test_whatever_somebody_wrote_is_no_error(self, text):
        assert Origin() == decode(text)

    def test_text_of_people_is_one_short_line(self):
        """It ends up in tables and in logs."""
        task = make.task(meta={"annotations": {names.ANNOTATION_TRIGGERED_BY: "a\nb\x1b[2J" + "x" * 1000}})

        found = origin_of(task).triggered_by

        assert (500, "ab[2Jxx") == (len(found), found[:7])

    def test_too_many_labels_are_left_out(self):
        """A pod's annotations have a limit, and a Task with many labels must still run."""
        task = parse_task(make.task_manifest(meta={"labels": {f"l{n}": "x" * 60 for n in range(1000)}}))

        assert {} == decode(encode(origin_of(task))).labels
