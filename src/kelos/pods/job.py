"""The Job of a Task. Start here to see what a pod looks like."""

from __future__ import annotations

from dataclasses import dataclass

from kelos.agents.capabilities import left_out
from kelos.agents.registry import find_agent
from kelos.api import names
from kelos.api.kinds import JOB, Manifest
from kelos.api.repository import parse_repository
from kelos.api.task import Task
from kelos.pods.containers import agent_container, extra_init_containers, prepare_container
from kelos.pods.inputs import Inputs, build_secret, fits_annotation, gather
from kelos.pods.instructions import Instructions, Mounts, given, merge
from kelos.pods.origin import encode, origin_of
from kelos.pods.overrides import ignored
from kelos.pods.policy import backoff_limit, failure_policy, job_deadline_seconds, pod_deadline_seconds
from kelos.pods.request import JobRequest
from kelos.pods.security import pod_context
from kelos.pods.volumes import Volumes, build_volumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The Job, and the Secret it mounts (None when it needs none). The Secret must exist first.

    `left_out` says, a sentence each, what of the Task's wishes the agent or the pod cannot have.
    """

    job: Manifest
    inputs: Manifest | None
    left_out: tuple[str, ...] = ()


def job_name(task_name: str) -> str:
    """The Task's name, shortened with a hash where a Job's pods could not carry it."""
    return names.shorten(task_name, 63).replace(".", "-") if len(task_name) > 63 else task_name


def owner_of(task: Task) -> Manifest:
    return {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Task",
        "name": task.meta.name,
        "uid": task.meta.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def build_job(request: JobRequest) -> Built:
    """Raises UserError when the Task, its Workspace or its AgentConfigs cannot become a pod."""
    task = request.task
    instructions, mounts = merge(request.agent_configs), Mounts()
    inputs = gather(
        job_name=job_name(task.meta.name),
        prompt=request.prompt,
        workspace=request.workspace,
        instructions=instructions,
        mounts=mounts,
    )
    volumes = build_volumes(request, instructions, inputs, mounts)
    labels, owner = _labels(request), owner_of(task)
    job: Manifest = {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {
            "name": job_name(task.meta.name),
            "namespace": task.meta.namespace,
            "labels": labels,
            "annotations": {names.LABEL_TASK: task.meta.name, **_token_annotations(request)},
            "ownerReferences": [owner],
        },
        "spec": {
            "backoffLimit": backoff_limit(task, request.settings),
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": failure_policy(task, request.settings),
            "template": _template(request, instructions, inputs, volumes, labels),
        },
    }
    if (deadline := job_deadline_seconds(task, request.settings)) is not None:
        job["spec"]["activeDeadlineSeconds"] = deadline
    return Built(job=job, inputs=build_secret(inputs, task, labels, owner), left_out=_left_out(task, instructions, job))


def _left_out(task: Task, instructions: Instructions, job: Manifest) -> tuple[str, ...]:
    worker = task.spec.effective
    agent = find_agent(worker.agent_type.value) if worker.agent_type is not None else None
    unused = left_out(agent, given(instructions)) if agent is not None else ()
    return (*unused, *ignored(worker.pod_overrides, job))


def _template(
    request: JobRequest, instructions: Instructions, inputs: Inputs, volumes: Volumes, labels: Manifest
) -> Manifest:
    annotations = {
        names.LABEL_TASK: request.task.meta.name,
        names.ANNOTATION_ORIGIN: encode(origin_of(request.task)),
    }
    if request.branch_lock:
        annotations[names.ANNOTATION_BRANCH] = request.task.spec.branch or ""
    if request.workspace_lock and request.workspace is not None:
        annotations[names.ANNOTATION_WORKSPACE] = request.workspace.meta.name
    if fits_annotation(request.prompt):
        annotations[names.ANNOTATION_PROMPT] = request.prompt
    return {
        "metadata": {"labels": labels, "annotations": annotations, "finalizers": [names.FINALIZER_OUTCOME]},
        "spec": _pod_spec(request, instructions, inputs, volumes),
    }


def _pod_spec(request: JobRequest, instructions: Instructions, inputs: Inputs, volumes: Volumes) -> Manifest:
    task, overrides = request.task, request.task.spec.effective.pod_overrides
    prepare = prepare_container(request, instructions, volumes)
    spec: Manifest = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": request.settings.cancel_grace_seconds,
        "automountServiceAccountToken": bool(overrides.service_account_name),
        "enableServiceLinks": False,
        "securityContext": pod_context(
            has_workspace=request.workspace is not None, override=overrides.pod_security_context
        ),
        "initContainers": [*([prepare] if prepare else []), *extra_init_containers(request)],
        "containers": [agent_container(request, instructions, inputs, volumes)],
        "volumes": list(volumes.volumes),
    }
    optional = {
        "serviceAccountName": overrides.service_account_name,
        "nodeSelector": overrides.node_selector,
        "tolerations": list(overrides.tolerations),
        "affinity": overrides.affinity,
        "imagePullSecrets": list(overrides.image_pull_secrets),
        "activeDeadlineSeconds": pod_deadline_seconds(task),
    }
    return spec | {field: value for field, value in optional.items() if value}


def _token_annotations(request: JobRequest) -> Manifest:
    """What renewing the token takes, whatever the Workspace says by then."""
    workspace = request.workspace
    if not request.token_secret or workspace is None or workspace.spec.secret_ref is None:
        return {}
    return {
        names.ANNOTATION_APP_SECRET: workspace.spec.secret_ref.name,
        names.ANNOTATION_TOKEN_FOR: parse_repository(workspace.spec.repo).address,
    }


def _labels(request: JobRequest) -> Manifest:
    task = request.task
    ours = {
        names.LABEL_NAME: "kelos",
        names.LABEL_COMPONENT: "task",
        names.LABEL_MANAGED_BY: names.MANAGER,
        names.LABEL_TASK: names.shorten(task.meta.name),
        names.LABEL_TASK_UID: task.meta.uid,
        "app.kubernetes.io/name": "kelos",
        "app.kubernetes.io/component": "task",
        "app.kubernetes.io/part-of": "kelos",
        "app.kubernetes.io/managed-by": "kelos-controller",
    }
    if request.branch_lock:
        ours[names.LABEL_BRANCH_LOCK] = request.branch_lock
    if request.workspace_lock:
        ours[names.LABEL_WORKSPACE_LOCK] = request.workspace_lock
    # Labels of ours that this pod does not have, a branch lock for one, are nobody else's to set.
    theirs = task.spec.effective.pod_overrides.labels or {}
    return {**{key: value for key, value in theirs.items() if not key.startswith(f"{names.DOMAIN}/")}, **ours}
