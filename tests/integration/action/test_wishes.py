"""Inputs that shape the Task and its pod, from `with:` to the manifest in the cluster."""

import json
import re

import pytest

from fakes.kubernetes import FakeKubernetes
from fakes.runner import Job

BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}
WISHES = {
    "env": "LEVEL=3\nGREETING=$(hello) `id`\n",
    "secret-env": "NPM_TOKEN=registry/token",
    "resources": "cpu=2, limits.memory=4Gi",
    "node-selector": "kubernetes.io/arch=arm64",
}
POD = {
    "env": [
        {"name": "LEVEL", "value": "3"},
        {"name": "GREETING", "value": "$(hello) `id`"},
        {"name": "NPM_TOKEN", "valueFrom": {"secretKeyRef": {"name": "registry", "key": "token"}}},
    ],
    "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2", "memory": "4Gi"}},
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
}


@pytest.fixture
def quick(job: Job, kubernetes: FakeKubernetes) -> Job:
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])
    return job


def test_wishes_for_the_pod_reach_its_overrides(quick: Job, kubernetes: FakeKubernetes):
    """Values travel as they are; what comes from a Secret is only named."""
    result = quick.use(with_={**BASIC, **WISHES, "retries": "2", "retry-on": "infra"})

    assert 0 == result.code, result.log
    spec = kubernetes.task()["spec"]
    assert (POD, 2, ["RateLimited"]) == tuple(spec[key] for key in ("podOverrides", "retries", "retryOn"))


def test_a_base_needs_a_workspace(quick: Job, kubernetes: FakeKubernetes):
    """Without one there is no checkout that could start there; a file's Workspace is one."""
    worker = {"type": "demo", "credentials": {"type": "none"}, "workspaceRef": {"name": "shop"}}
    task = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "spec": {"prompt": "p", "worker": worker}}
    (quick.folder / "workspace/task.json").write_text(json.dumps(task))

    alone = quick.use(with_={**BASIC, "base-ref": "v1"})
    assert (2, [], True) == (alone.code, kubernetes.requests, "name one" in alone.outputs["message"]), alone.log

    result = quick.use(with_={"task-file": "task.json", "base-ref": "v1"})
    assert (0, "v1") == (result.code, kubernetes.task()["spec"]["baseRef"]), result.log


def test_wishes_are_laid_over_those_of_a_task_file(quick: Job, kubernetes: FakeKubernetes):
    """One name at a time: what the file says of other variables, resources and labels stays."""
    overrides = {
        "env": [{"name": "LEVEL", "value": "1"}, {"name": "KEPT", "value": "yes"}],
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
        "nodeSelector": {"disk": "ssd"},
        "serviceAccountName": "agent",
    }
    worker = {"type": "demo", "credentials": {"type": "none"}, "podOverrides": overrides}
    task = {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Task",
        "metadata": {"labels": {"team": "red", "kept": "yes"}},
        "spec": {"prompt": "p", "worker": worker},
    }
    (quick.folder / "workspace/task.json").write_text(json.dumps(task))

    result = quick.use(with_={"task-file": "task.json", "labels": "team=blue", **WISHES})

    found = kubernetes.task()
    assert 0 == result.code, result.log
    assert {
        "env": [{"name": "KEPT", "value": "yes"}, *POD["env"]],
        "resources": {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
        "nodeSelector": {"disk": "ssd", "kubernetes.io/arch": "arm64"},
        "serviceAccountName": "agent",
    } == found["spec"]["worker"]["podOverrides"]
    assert ("blue", "yes") == tuple(found["metadata"]["labels"][key] for key in ("team", "kept"))


def test_labels_and_annotations_stand_beside_ours(quick: Job, kubernetes: FakeKubernetes):
    """Ours are how a run finds its Tasks, and how the cluster knows that the step lives."""
    quick.use(with_={**BASIC, "labels": "team=blue", "annotations": "example.com/why=a, b = c"})

    metadata = kubernetes.task()["metadata"]
    assert {"team", "kelos.dev/run-id"} < set(metadata["labels"])
    assert "a, b = c" == metadata["annotations"]["example.com/why"]
    assert "kelos.dev/client-lease" in metadata["annotations"]


def test_a_suffix_makes_a_derived_name_readable(quick: Job, kubernetes: FakeKubernetes):
    """Still another name for every attempt, which a `name` of one's own is not."""
    result = quick.use(with_={**BASIC, "name-suffix": "notes"})

    name = result.outputs["task-name"]
    assert (name, True, True) == (
        kubernetes.task()["metadata"]["name"],
        name.startswith("gha-") and "-16-1-" in name,
        name.endswith("-notes"),
    )


def test_a_suffix_is_stronger_than_the_name_in_a_file(quick: Job, kubernetes: FakeKubernetes):
    """A fixed name is taken when the workflow runs again; who asks for a suffix asks for one that is not."""
    task = {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Task",
        "metadata": {"name": "nightly"},
        "spec": {"type": "demo", "prompt": "p", "credentials": {"type": "none"}},
    }
    (quick.folder / "workspace/task.json").write_text(json.dumps(task))

    result = quick.use(with_={"task-file": "task.json", "name-suffix": "notes"})

    assert re.fullmatch(r"gha-.+-notes", result.outputs["task-name"]), result.log


def test_a_secret_in_the_environment_is_refused_before_anything_is_sent(quick: Job, kubernetes: FakeKubernetes):
    """Whoever may list Tasks would read it; the log must not show it either."""
    result = quick.use(with_={**BASIC, "env": "GITHUB_TOKEN=hunter2-hunter2"})

    assert (2, "invalid-input") == (result.code, result.outputs["failure-reason"])
    assert "GITHUB_TOKEN, which looks like a secret" in result.outputs["message"]
    assert "hunter2" not in result.log + json.dumps(result.outputs) + result.summary
    assert [] == kubernetes.requests


@pytest.mark.parametrize(
    ("results", "code", "reason"),
    [
        ({"base-commit": "a" * 40, "commit": "b" * 40, "pushed": "true"}, 0, ""),
        ({"base-commit": "a" * 40, "commit": "a" * 40}, 1, "result-missing"),
        ({}, 1, "result-missing"),
    ],
)
def test_nothing_changed_can_be_a_failure(job: Job, kubernetes: FakeKubernetes, results, code, reason):
    """A pipeline that waits for a commit must not go on green without one."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], results=results)

    result = job.use(with_={**BASIC, "fail-on-no-changes": "true"})

    assert (code, reason) == (result.code, result.outputs["failure-reason"])
