"""Waits that a server or a Secret causes, and what a waiting Task keeps."""

from __future__ import annotations

import pytest

import make
from kelos.api.kinds import JOB, LEASE, SECRET, WORKSPACE, Manifest
from kelos.api.reasons import Phase
from kelos.errors import Forbidden, Invalid
from kelos.plan import Create, Plan
from kelos.tasks.dependencies import KEPT_LIMIT_BYTES
from kelos.tasks.plan import plan
from kelos.tasks.start import plan_refusal, plan_taken
from kelos.tasks.view import Dependency
from planning import status_of

JOB_MANIFEST = {"spec": {"template": {"spec": {}}}}


def conditions(status: Manifest) -> dict[str, Manifest]:
    return {condition["type"]: condition for condition in status["conditions"]}


@pytest.mark.parametrize(
    ("answer", "phase", "reason"),
    [
        (Invalid("spec.template: x"), "Failed", "InvalidSpec"),
        (Forbidden("admission webhook denied the request: no"), "Failed", "PolicyDenied"),
        (Forbidden('jobs.batch "x" is forbidden: exceeded quota: jobs'), "Waiting", "PolicyDenied"),
        (Forbidden("unable to create new content because it is being terminated"), "Waiting", "PolicyDenied"),
        (Forbidden('User "c" cannot create resource "jobs"'), "Waiting", "PolicyDenied"),
    ],
)
def test_a_refused_job_ends_its_task_or_holds_it_and_says_so_either_way(answer, phase, reason):
    """Quotas are freed and rights are granted; a wrong manifest stays wrong."""
    decided = plan_refusal(make.view(), Create(kind=JOB, manifest=JOB_MANIFEST), answer)

    status = status_of(decided)
    assert (phase, reason, True) == (status["phase"], status["reason"], str(answer) in status["message"])


def test_a_strangers_secret_of_our_name_holds_the_task_visibly():
    decided = plan_taken(make.view(), SECRET, "fix-bug-inputs")

    assert "Waiting" == status_of(decided)["phase"]
    assert "A Secret called 'fix-bug-inputs' exists and does not belong" in status_of(decided)["message"]


def test_whoever_comes_second_to_a_lock_looks_again_and_tells_nobody_to_delete_it():
    """Two Tasks that saw it free at the same moment; the next look says who has it."""
    assert Plan(again_in_seconds=0.0) == plan_taken(make.view(), LEASE, "kelos-branch-x")


def finished(name: str, size: int) -> Dependency:
    results = {"branch": name, "response": "x" * size}
    return Dependency(name=name, uid=name, phase=Phase.SUCCEEDED, results=results)


def test_what_is_kept_of_dependencies_is_bounded():
    """An object may have 1.5 MiB: twenty long answers would make the status unwritable for ever."""
    done = {f"d{number}": finished(f"d{number}", 87_000) for number in range(20)}
    task = make.task(dependsOn=[*done, "last"])

    decided = plan(make.view(task, dependencies={**done, "last": None}))

    kept = status_of(decided)["dependencies"]
    assert len(str(kept)) < KEPT_LIMIT_BYTES * 1.1
    assert [f"d{number}" for number in range(20)] == [entry["results"]["branch"] for entry in kept]


def test_a_prompt_gets_the_whole_answer_of_a_dependency_that_is_still_there():
    """What did not fit into status is lost only with the Task that gave it."""
    kept = {"dependencies": [{"name": "a", "uid": "a", "phase": "Succeeded", "results": {"branch": "a"}}]}
    task = make.task(dependsOn=["a"], prompt='{{index .Deps "a" "Results" "response"}}', status=kept)

    decided = plan(make.view(task, dependencies={"a": finished("a", 5)}))

    (job,) = [step.manifest for step in decided.steps if getattr(step, "kind", None) is JOB]
    assert ["xxxxx"] == job["spec"]["template"]["spec"]["containers"][0]["args"]


def test_conditions_keep_the_time_of_their_last_flip():
    """A changed sentence is no transition."""
    first = plan(make.view(make.task(workspaceRef={"name": "shop"})))
    task = make.task(workspaceRef={"name": "shop"}, credentials={"type": "none"}, status=status_of(first))
    old = conditions(status_of(first))["InputsReady"]
    later = make.NOW.replace(hour=10)

    decided = plan(make.view(task, workspace=make.workspace("shop"), now=later))

    new = conditions(status_of(decided))
    assert ("False", "True") == (old["status"], new["InputsReady"]["status"])
    assert "2026-02-07T10:00:00Z" == new["InputsReady"]["lastTransitionTime"]
    assert ("Unknown", "2026-02-07T09:00:00Z") == (new["Succeeded"]["status"], new["Succeeded"]["lastTransitionTime"])
    assert {1} == {condition["observedGeneration"] for condition in new.values()}
    assert WORKSPACE.kind in old["message"]
