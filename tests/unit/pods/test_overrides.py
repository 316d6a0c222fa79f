"""What podOverrides become in the Job, and how the API server's word about them finds back to the Task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import make
from kelos.api.kinds import Manifest
from kelos.api.pod_overrides import PodOverrides
from kelos.pods.job import Built, build_job
from kelos.pods.overrides import in_words_of_the_task, shapes_the_pod
from kelos.pods.request import JobRequest
from kelos.settings import Settings

POD = "spec.template.spec"
CACHE = {"name": "cache", "emptyDir": {}}
MOUNT = {"name": "cache", "mountPath": "/cache"}
DB = {"name": "db", "image": "postgres:17"}
WARM = {"name": "warm", "image": "busybox"}

Where = Callable[[Manifest], Any]
ARRIVES: dict[str, tuple[Any, Where]] = {
    "labels": ({"team": "shop"}, lambda job: {"team": job["spec"]["template"]["metadata"]["labels"]["team"]}),
    "resources": ({"limits": {"cpu": "1"}}, lambda job: agent(job)["resources"]),
    "activeDeadlineSeconds": (1800, lambda job: job["spec"]["activeDeadlineSeconds"]),
    "env": ([{"name": "A", "value": "$(HOME)"}], lambda job: agent(job)["env"][-1:]),
    "nodeSelector": ({"disk": "ssd"}, lambda job: pod(job)["nodeSelector"]),
    "serviceAccountName": ("builder", lambda job: pod(job)["serviceAccountName"]),
    "volumes": ([CACHE], lambda job: pod(job)["volumes"][-1:]),
    "volumeMounts": ([MOUNT], lambda job: agent(job)["volumeMounts"][-1:]),
    "podSecurityContext": ({"runAsUser": 7, "fsGroup": 8}, lambda job: pod(job)["securityContext"]),
    "containerSecurityContext": ({"runAsUser": 7}, lambda job: agent(job)["securityContext"]),
    "tolerations": ([{"key": "gpu", "operator": "Exists"}], lambda job: pod(job)["tolerations"]),
    "affinity": ({"nodeAffinity": {}}, lambda job: pod(job)["affinity"]),
    "imagePullSecrets": ([{"name": "regcred"}], lambda job: pod(job)["imagePullSecrets"]),
    "extraContainers": ([DB], lambda job: [without_context(pod(job)["initContainers"][-1], "restartPolicy")]),
    "extraInitContainers": ([WARM], lambda job: [without_context(pod(job)["initContainers"][-1])]),
}


def pod(job: Manifest) -> Manifest:
    spec: Manifest = job["spec"]["template"]["spec"]
    return spec


def agent(job: Manifest) -> Manifest:
    return dict(pod(job)["containers"][0])


def without_context(container: Manifest, *others: str) -> Manifest:
    return {name: value for name, value in container.items() if name not in ("securityContext", *others)}


def build(task: Any) -> Built:
    request = JobRequest(task=task, prompt="x", workspace=make.workspace(), settings=Settings())
    return build_job(request)


def test_every_field_is_looked_at():
    aliases = {field.alias or name for name, field in PodOverrides.model_fields.items()}

    assert aliases == set(ARRIVES)


@pytest.mark.parametrize("field", sorted(ARRIVES))
@pytest.mark.parametrize("place", ["flat", "worker"])
def test_a_field_arrives(field, place):
    value, where = ARRIVES[field]
    overrides = {"podOverrides": {field: value}}
    task = make.task(**overrides) if place == "flat" else make.task(worker={"type": "demo", **overrides})

    assert value == where(build(task).job)


def test_an_open_field_of_kubernetes_passes_as_it_is():
    """We know none of its members: what next year's server takes, a Task may say today."""
    volume = {"name": "v", "image": {"reference": "r", "pullPolicy": "Always"}, "yet": {"unknown": [1]}}

    assert volume in pod(build(make.task(podOverrides={"volumes": [volume]})).job)["volumes"]


def test_a_pod_context_of_their_own_keeps_the_workspace_writable():
    task = make.task(podOverrides={"podSecurityContext": {"runAsUser": 7}})

    assert {"fsGroup": 61100, "runAsUser": 7} == pod(build(task).job)["securityContext"]


def test_what_is_left_out_is_said():
    """The reference drops it in silence."""
    labels = {"kelos.dev/task-uid": "another", "team": "shop"}
    env = [{"name": "KELOS_AGENT_TYPE", "value": "x"}, {"name": "A", "value": "1"}]

    built = build(make.task(podOverrides={"labels": labels, "env": env}))

    assert (
        "podOverrides.env 'KELOS_AGENT_TYPE' is left out: the controller sets it",
        "podOverrides.labels 'kelos.dev/task-uid' is left out: the controller sets it",
    ) == built.left_out


def everything() -> Any:
    env = [
        {"name": "KELOS_AGENT_TYPE", "value": "left out"},
        {"name": "A", "value": "1"},
        {"name": "no name", "value": "2"},
    ]
    overrides = {
        "env": env,
        "labels": {"bad key/x/y": "1"},
        "volumes": [CACHE],
        "volumeMounts": [MOUNT],
        "extraContainers": [DB],
        "extraInitContainers": [WARM],
    }
    return make.task(podOverrides=overrides)


def paths() -> list[tuple[str, str]]:
    job = build(everything()).job
    env, mounts = len(agent(job)["env"]), len(agent(job)["volumeMounts"])
    volumes = len(pod(job)["volumes"])
    return [
        (f"{POD}.containers[0].env[{env - 1}].name", "spec.podOverrides.env[2].name"),
        (f"{POD}.containers[0].env[{env - 2}].value", "spec.podOverrides.env[1].value"),
        (f"{POD}.containers[0].volumeMounts[{mounts - 1}].name", "spec.podOverrides.volumeMounts[0].name"),
        (f"{POD}.containers[0].resources.requests[cpu]", "spec.podOverrides.resources.requests[cpu]"),
        (f"{POD}.containers[0].resources.limit", "spec.podOverrides.resources.limit"),
        (f"{POD}.containers[0].securityContext.runAsUser", "spec.podOverrides.containerSecurityContext.runAsUser"),
        (f"{POD}.containers[0].image", "spec.image"),
        (f"{POD}.volumes[{volumes - 1}].emptyDir", "spec.podOverrides.volumes[0].emptyDir"),
        (f"{POD}.initContainers[1].image", "spec.podOverrides.extraInitContainers[0].image"),
        (f"{POD}.initContainers[2].ports[0].hostPort", "spec.podOverrides.extraContainers[0].ports[0].hostPort"),
        (f"{POD}.affinity.nodeAfinity", "spec.podOverrides.affinity.nodeAfinity"),
        (f"{POD}.tolerations[0].operator", "spec.podOverrides.tolerations[0].operator"),
        (f"{POD}.imagePullSecrets[0].name", "spec.podOverrides.imagePullSecrets[0].name"),
        (f"{POD}.serviceAccountName", "spec.podOverrides.serviceAccountName"),
        (f"{POD}.securityContext.sysctls[0].name", "spec.podOverrides.podSecurityContext.sysctls[0].name"),
        ("spec.template.labels", "spec.podOverrides.labels"),
        ("spec.template.metadata.labels", "spec.podOverrides.labels"),
        ("metadata.labels", "spec.podOverrides.labels"),
        ("spec.podFailurePolicy.rules[0].action", "spec.podFailurePolicy.rules[0].action"),
        # What is ours stays what it is: nobody could correct it in the Task.
        (f"{POD}.containers[0].env[0].name", f"{POD}.containers[0].env[0].name"),
        (f"{POD}.initContainers[0].image", f"{POD}.initContainers[0].image"),
        (f"{POD}.initContainers[9].image", f"{POD}.initContainers[9].image"),
    ]


@pytest.mark.parametrize(("there", "here"), paths())
def test_a_path_in_the_job_is_told_as_the_tasks(there, here):
    """Nobody wrote the Job."""
    task = everything()
    said = f'Job.batch "fix-bug" is invalid: {there}: Invalid value: "x": no'

    assert f'Job.batch "fix-bug" is invalid: {here}: Invalid value: "x": no' == in_words_of_the_task(
        said, build(task).job, task
    )


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("ResourceRequirements.spec.template.spec.containers.resources.limits", "spec.podOverrides.resources.limits"),
        ("EnvVar.spec.template.spec.containers.env.value", "spec.podOverrides.env.value"),
        ("Volume.spec.template.spec.volumes.VolumeSource.emptyDir", "spec.podOverrides.volumes.emptyDir"),
        (
            "Container.spec.template.spec.initContainers.image",
            "spec.podOverrides.extraInitContainers or podOverrides.extraContainers.image",
        ),
        ("Toleration.spec.template.spec.tolerations.key", "spec.podOverrides.tolerations.key"),
        ("JobSpec.spec.backoffLimit", "spec.backoffLimit"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_as_the_tasks(there, here):
    """The server's JSON reader knows no places in lists, and talks of Go."""
    task = everything()
    said = f"json: cannot unmarshal string into Go struct field {there} of type int"

    assert f"json: cannot unmarshal string into {here} of type int" == in_words_of_the_task(said, build(task).job, task)


def test_a_worker_is_named_when_it_is_the_workers():
    task = make.task(worker={"type": "demo", "podOverrides": {"affinity": {"x": 1}}})
    said = f'unknown field "{POD}.affinity.x"'

    assert 'unknown field "spec.worker.podOverrides.affinity.x"' == in_words_of_the_task(said, build(task).job, task)


@pytest.mark.parametrize(
    ("spec", "is_shaped"),
    [({}, False), ({"podOverrides": {"env": [{"name": "A"}]}}, True), ({"podFailurePolicy": {"rules": []}}, True)],
)
def test_only_what_people_give_a_form_can_be_wrong(spec, is_shaped):
    assert is_shaped == shapes_the_pod(make.task(**spec))
