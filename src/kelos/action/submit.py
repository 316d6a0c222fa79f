"""Turns the inputs into one Task and makes sure that the cluster has it exactly once."""

from __future__ import annotations

import json
from hashlib import sha256

from kelos.action.api.client import Api
from kelos.action.api.patience import Patience
from kelos.action.conclusion import Ending, client_ending, name_of
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import DEFAULT_TIMEOUT_SECONDS, ActionInputs
from kelos.api.kinds import TASK, Manifest
from kelos.api.manifest import NAME_LIMIT, TaskRequest, build_task, task_name
from kelos.api.names import (
    ANNOTATION_LEASE,
    ANNOTATION_SPEC_HASH,
    ANNOTATION_TRIGGERED_BY,
    LABEL_LEG,
    LABEL_REPOSITORY,
    LABEL_RUN_ATTEMPT,
    LABEL_RUN_ID,
    LABEL_SUBJECT,
    shorten,
)
from kelos.api.pod_request import PodRequest
from kelos.api.reasons import ClientReason, Reason
from kelos.errors import (
    AlreadyExists,
    ClusterError,
    Forbidden,
    Invalid,
    KelosError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreached,
    UserError,
)

ROLE_RULE = 'apiGroups ["kelos.dev"], resources ["tasks"], verbs ["create", "get", "list", "watch", "patch"]'


def build_manifest(
    inputs: ActionInputs, workflow: Workflow, *, prompt: str, base: Manifest | None, namespace: str
) -> Manifest:
    """The Task that the inputs ask for, named after the workflow run unless a name was given."""
    return build_task(
        TaskRequest(
            prompt=prompt,
            name=chosen_name(inputs, workflow, base),
            namespace=namespace,
            agent_type=inputs.type,
            credentials_type=inputs.credentials_type,
            credentials_secret=inputs.credentials_secret,
            model=inputs.model,
            effort=inputs.effort,
            image=inputs.image,
            workspace=inputs.workspace,
            agent_configs=inputs.agent_config,
            depends_on=inputs.depends_on,
            branch=inputs.branch,
            base_ref=inputs.base_ref,
            pod=PodRequest(
                env=inputs.env,
                secret_env=inputs.secret_env,
                resources=inputs.resources,
                node_selector=inputs.node_selector,
            ),
            timeout_seconds=timeout_seconds(inputs, base),
            start_timeout_seconds=inputs.start_timeout,
            retries=inputs.retries,
            retry_on=inputs.retry_on,
            ttl_seconds=inputs.ttl,
            labels={**dict(inputs.labels), **run_labels(workflow)},
            annotations={**dict(inputs.annotations), **_lease(inputs, workflow)},
            triggered_by=workflow.triggered_by(),
            base=base,
        )
    )


def chosen_name(inputs: ActionInputs, workflow: Workflow, base: Manifest | None) -> str:
    """The name that was given, else the file's, else a derived one, which a suffix asks for whatever the file says."""
    in_file = "" if inputs.name_suffix else str(((base or {}).get("metadata") or {}).get("name") or "")
    return inputs.name or in_file or derived_name(inputs, workflow)


def derived_name(inputs: ActionInputs, workflow: Workflow) -> str:
    """What the Task is called when nobody says: the same for the same step of the same attempt, and for no other."""
    run = {"repository": workflow.repository, "run_id": workflow.run_id, "attempt": workflow.attempt}
    name = task_name(**run, leg=workflow.place)
    return shorten(f"{name}-{inputs.name_suffix}", NAME_LIMIT) if inputs.name_suffix else name


def timeout_seconds(inputs: ActionInputs, base: Manifest | None) -> int | None:
    """The input, else the file's own limit, else an hour; `timeout: 0` means none."""
    if inputs.timeout is not None:
        return inputs.timeout or None
    from_file = ((base or {}).get("spec") or {}).get("timeoutSeconds")
    return None if from_file else DEFAULT_TIMEOUT_SECONDS


def run_labels(workflow: Workflow) -> dict[str, str]:
    """What the Tasks of one leg of one run have in common, the attempt, and what other runs may be about too."""
    labels = {
        LABEL_REPOSITORY: _short_hash(workflow.repository),
        LABEL_RUN_ID: shorten(workflow.run_id),
        LABEL_RUN_ATTEMPT: shorten(workflow.attempt),
        LABEL_LEG: _short_hash(workflow.leg),
    }
    if workflow.subject:
        labels[LABEL_SUBJECT] = _short_hash(f"{workflow.repository} {workflow.subject}")
    return labels


def lease(workflow: Workflow, count: int, seconds: int) -> str:
    """The value of the annotation by which the controller knows that we live."""
    holder = f"{workflow.repository or 'local'}/{workflow.run_id}/{workflow.attempt}"
    return json.dumps({"holder": holder, "count": count, "seconds": seconds})


class NotOurs(UserError):
    """The name belongs to a Task that is not what we asked for, so that ours cannot be there."""


class Unsure(KelosError):
    """A create was sent, nobody knows whether it counted, and `error` ended the tries to find out."""

    def __init__(self, error: KelosError) -> None:
        super().__init__(str(error))
        self.error = error


def submit(api: Api, namespace: str, manifest: Manifest, patience: Patience) -> tuple[Manifest, bool]:
    """The Task as the cluster has it, and whether this call made it.

    A POST whose answer was lost may have counted, so the name is looked up before it is sent again; Unsure when even
    that brings no answer.
    """
    is_unsure = False
    try:
        while True:
            try:
                if is_unsure and (found := _find(api, namespace, manifest)):
                    return adopt(found, manifest, namespace), True
                return api.create(TASK, namespace, manifest), True
            except AlreadyExists:
                found = patience.insist(lambda: api.get(TASK, namespace, manifest["metadata"]["name"]))
                return adopt(found, manifest, namespace), is_unsure
            except (Unavailable, TooManyRequests) as error:
                is_unsure = is_unsure or not isinstance(error, (Unreached, TooManyRequests))
                patience.failed(error)
    except NotOurs:
        raise
    except KelosError as error:
        if is_unsure:
            raise Unsure(error) from error
        raise


def adopt(found: Manifest, wanted: Manifest, namespace: str) -> Manifest:
    """The Task of that name, if the same step of the same attempt asked for the same; else a UserError."""
    metadata = found.get("metadata") or {}
    has, wants = metadata.get("annotations") or {}, wanted["metadata"]["annotations"]
    name = f"Task '{metadata.get('name')}' in namespace '{namespace}'"
    if metadata.get("deletionTimestamp"):
        raise NotOurs(f"{name} is being deleted: wait until it is gone, or choose another `name`")
    if has.get(ANNOTATION_TRIGGERED_BY) != wants.get(ANNOTATION_TRIGGERED_BY):
        raise NotOurs(f"{name} exists already and was not made by this step: choose another `name`, or leave it out")
    if has.get(ANNOTATION_SPEC_HASH) != wants.get(ANNOTATION_SPEC_HASH):
        raise NotOurs(f"{name} was made by this step with other inputs: give each use of the Action its own `name`")
    return found


def refused(error: KelosError, *, namespace: str, server: str) -> Ending:
    """The ending for a call that failed for good: who can mend it, and how."""
    text = str(error)
    if isinstance(error, UserError):
        return client_ending(ClientReason.INVALID_INPUT, text)
    if isinstance(error, (Forbidden, Invalid)) and _is_policy(text):
        ending = client_ending(ClientReason.API_ERROR, f"A policy of the cluster refused the Task: {text}")
        return Ending(
            conclusion=ending.conclusion, reason=Reason.POLICY_DENIED.kebab, exit_code=3, message=ending.message
        )
    if isinstance(error, Invalid):
        causes = "; ".join(error.causes) or text
        return client_ending(ClientReason.INVALID_INPUT, f"The cluster refused the Task as invalid: {causes}")
    if isinstance(error, Unauthorized):
        return client_ending(ClientReason.NOT_AUTHORIZED, f"{server}: {text}")
    if isinstance(error, Forbidden):
        message = f"The cluster forbids it ({text}): add to the Role in namespace '{namespace}' the rule {ROLE_RULE}"
        return client_ending(ClientReason.NOT_AUTHORIZED, message)
    if isinstance(error, NotFound):
        return _not_found(text, namespace, server)
    if isinstance(error, ClusterError):
        return client_ending(ClientReason.API_ERROR, f"The cluster cannot be used: {text}: try again when it answers")
    return client_ending(ClientReason.API_ERROR, text)


def lost(error: KelosError, task: Manifest, *, server: str) -> Ending:
    """The ending when a Task that exists can be followed no longer."""
    if isinstance(error, Invalid):
        name = name_of(task)
        message = f"{server} refuses to show Task '{name}' ({error}): look at it with `kelos get task {name}`"
        return client_ending(ClientReason.API_ERROR, message)
    return refused(error, namespace=str(task["metadata"].get("namespace") or ""), server=server)


def _lease(inputs: ActionInputs, workflow: Workflow) -> dict[str, str]:
    seconds = inputs.lease_seconds
    return {ANNOTATION_LEASE: lease(workflow, 0, seconds)} if seconds else {}


def _find(api: Api, namespace: str, manifest: Manifest) -> Manifest | None:
    try:
        return api.get(TASK, namespace, manifest["metadata"]["name"])
    except NotFound:
        return None


def _not_found(text: str, namespace: str, server: str) -> Ending:
    if "namespaces" in text:
        message = f"Namespace '{namespace}' does not exist on {server}: create it, or set the input `namespace`"
        return client_ending(ClientReason.INVALID_INPUT, message)
    message = (
        f"{server} does not know {TASK.plural}.{TASK.group} {TASK.version}: install Kelos there, as its README says"
    )
    return client_ending(ClientReason.API_ERROR, message)


def _is_policy(text: str) -> bool:
    return any(words in text for words in ("denied the request", "denied request", "exceeded quota"))


def _short_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
