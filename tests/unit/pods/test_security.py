"""Who may do what in the pod, and what users may change about it."""

from __future__ import annotations

from typing import Any

import pytest

import make
from kelos.api.kinds import Manifest
from kelos.pods.job import Built, build_job, job_name
from kelos.pods.request import JobRequest
from kelos.settings import Settings


def build(overrides: Manifest | None = None, *, prompt: str = "Fix the bug", with_workspace: bool = True) -> Built:
    spec: dict[str, Any] = {"podOverrides": overrides} if overrides else {}
    workspace = make.workspace() if with_workspace else None
    if with_workspace:
        spec["workspaceRef"] = {"name": "repo"}
    return build_job(JobRequest(task=make.task(**spec), prompt=prompt, workspace=workspace, settings=Settings()))


def pod_of(built: Built) -> Manifest:
    spec: Manifest = built.job["spec"]["template"]["spec"]
    return spec


def test_the_agents_context_can_be_replaced_whole():
    """The reference's rule: what the user says is all there is; the preparing container keeps ours."""
    pod = pod_of(build({"containerSecurityContext": {"runAsUser": 1000}}))

    assert {"runAsUser": 1000} == pod["containers"][0]["securityContext"]
    assert 61100 == pod["initContainers"][0]["securityContext"]["runAsUser"]


def test_the_checkouts_group_is_kept_when_the_pods_context_is_replaced():
    """Or the agent could not write to its own checkout."""
    assert {"runAsUser": 1000, "fsGroup": 61100} == pod_of(build({"podSecurityContext": {"runAsUser": 1000}}))[
        "securityContext"
    ]
    assert 7 == pod_of(build({"podSecurityContext": {"fsGroup": 7}}))["securityContext"]["fsGroup"]


def test_what_the_pod_says_is_not_overruled_by_our_defaults():
    """A container's own user would win over the pod's, which somebody chose."""
    context = pod_of(build({"podSecurityContext": {"runAsUser": 1000}}))["containers"][0]["securityContext"]

    assert ("runAsUser" in context, context["allowPrivilegeEscalation"]) == (False, False)


def test_a_pod_that_asks_for_root_can_start_too():
    """The agent's container gets its user from the pod."""
    sidecar = {"name": "db", "image": "postgres"}

    pod = pod_of(build({"podSecurityContext": {"runAsUser": 0}, "extraContainers": [sidecar]}))

    contexts = [c["securityContext"] for c in (*pod["containers"], pod["initContainers"][1])]
    assert [(None, None)] * 2 == [(c.get("runAsUser"), c.get("runAsNonRoot")) for c in contexts]
    assert (61100, True) == tuple(pod["initContainers"][0]["securityContext"][k] for k in ("runAsUser", "runAsNonRoot"))


def test_a_container_that_asks_for_root_can_start_where_policy_allows_it():
    """`runAsNonRoot` and user 0 together never start, and nobody would know why."""
    sidecar = {"name": "db", "image": "postgres", "securityContext": {"runAsUser": 0}}

    context = pod_of(build({"extraContainers": [sidecar]}))["initContainers"][1]["securityContext"]

    assert (0, False) == (context["runAsUser"], "runAsNonRoot" in context)


def test_every_volume_of_ours_has_a_bound():
    """A full node ends everybody's pods."""
    for volume in pod_of(build())["volumes"]:
        assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


def test_the_preparing_container_has_requests_and_limits():
    """A namespace with a quota refuses pods without them."""
    resources = pod_of(build())["initContainers"][0]["resources"]

    assert {"cpu", "memory", "ephemeral-storage"} == resources["requests"].keys() == resources["limits"].keys()


def test_other_contents_are_another_secret():
    """A start that was interrupted leaves its Secret behind; a later one must not mount that one's files."""
    one, two = build(prompt="x" * 100_000).inputs, build(prompt="y" * 100_000).inputs

    assert one is not None
    assert two is not None
    assert one["metadata"]["name"] != two["metadata"]["name"]
    assert one["metadata"]["name"].startswith("fix-bug-inputs-")


@pytest.mark.parametrize("name", ["a", "a.b.c", "x" * 63, "x" * 64, "a." * 120 + "a", "a" + "-" * 60 + ".b" * 50])
def test_any_legal_task_name_makes_a_legal_job_name(name):
    """Pods carry the Job's name in a label: 63 characters."""
    made = job_name(name)

    assert len(made) <= 63
    assert made[0].isalnum()
    assert made[-1].isalnum()
    assert job_name(name + "0") != made
