"""Tasks that are there already, with their Jobs and pods, as a controller left them: put straight into a store."""

from __future__ import annotations

from datetime import datetime, timezone

from _manifests import NAMESPACE, task
from _played import OUTCOME

from kelos.api import names
from kelos.api.codec import parse_task
from kelos.api.kinds import JOB, POD, TASK, Kind, Manifest
from kelos.local.cluster import LocalCluster
from kelos.local.server.verbs.plane import Plane
from kelos.local.store import Key
from kelos.outputs.document import encode_document
from kelos.outputs.markers import lines_of
from kelos.outputs.results import results_of
from kelos.pods.job import build_job
from kelos.pods.request import JobRequest
from kelos.settings import Settings

MOMENT = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


async def fill(plane: Plane, *, finished: int, active: int) -> None:
    """`finished-0`… have succeeded, the agents of `active-0`… run. Nothing is left to do for any of them."""
    templates = await _templates(plane)
    for word, count in (("finished", finished), ("active", active)):
        for number in range(count):
            _put(plane, templates, f"{word}-{number}", has_ended=word == "finished")


async def _templates(plane: Plane) -> tuple[Manifest, Manifest, Manifest]:
    """A Task, its Job and its pod as the server stores them, taken out again."""
    cluster = LocalCluster(plane)
    made = await cluster.create(TASK, task("template"))
    request = JobRequest(
        task=parse_task(made),
        prompt=made["spec"]["prompt"],
        workspace=None,
        agent_configs=(),
        branch_lock="",
        settings=Settings(),
    )
    job = await cluster.create(JOB, build_job(request).job)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "template", "uid": "template", "controller": True}
    meta = {
        **job["spec"]["template"]["metadata"],
        "name": "template",
        "namespace": NAMESPACE,
        "ownerReferences": [owner],
    }
    spec = {**job["spec"]["template"]["spec"], "nodeName": "played"}
    pod = await cluster.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    for kind in (POD, JOB, TASK):
        plane.store.delete(_key(plane, kind, "template"))
    return made, job, pod


def _put(plane: Plane, templates: tuple[Manifest, Manifest, Manifest], name: str, *, has_ended: bool) -> None:
    made, job, pod = templates
    uids = {kind: plane.new_uid() for kind in (TASK, JOB, POD)}
    labels = {names.LABEL_TASK: name, names.LABEL_TASK_UID: uids[TASK]}
    statuses = {
        TASK: _task_status(name, uids[POD], has_ended),
        JOB: _job_status(has_ended),
        POD: _pod_status(has_ended),
    }
    for kind, template, owner in ((TASK, made, None), (JOB, job, TASK), (POD, pod, JOB)):
        meta = {**template["metadata"], "name": name, "uid": uids[kind], "creationTimestamp": MOMENT}
        if owner is not None:
            meta["labels"] = {**meta["labels"], **labels}
            meta["annotations"] = {**(meta.get("annotations") or {}), names.LABEL_TASK: name}
            meta["ownerReferences"] = [{**meta["ownerReferences"][0], "name": name, "uid": uids[owner]}]
        if kind is POD:
            meta["labels"]["job-name"] = name
            meta["finalizers"] = [] if has_ended else [names.FINALIZER_OUTCOME]
        plane.store.put(_key(plane, kind, name), {**template, "metadata": meta, "status": statuses[kind]})


def _key(plane: Plane, kind: Kind, name: str) -> Key:
    resource = plane.registry.find(kind.group, kind.version, kind.plural)
    return Key(resource=resource.storage, namespace=NAMESPACE, name=name)


def _task_status(name: str, pod_uid: str, has_ended: bool) -> Manifest:
    word = "Succeeded" if has_ended else "Running"
    message = "The agent succeeded" if has_ended else f"The agent runs in pod '{name}'"
    condition = {
        "type": "Succeeded",
        "status": "True" if has_ended else "Unknown",
        "reason": word,
        "message": message,
        "lastTransitionTime": MOMENT,
        "observedGeneration": 1,
    }
    status: Manifest = {
        "observedGeneration": 1,
        "type": "claude-code",
        "phase": word,
        "message": message,
        "startTime": MOMENT,
        "jobName": name,
        "podName": name,
        "conditions": [condition],
    }
    if not has_ended:
        return status
    lines = list(lines_of(OUTCOME))
    usage = {"inputTokens": OUTCOME.usage.input_tokens, "outputTokens": OUTCOME.usage.output_tokens}
    attempt = {"podName": name, "podUID": pod_uid, "phase": word, "message": message, "exitCode": 0, "usage": usage}
    ended = {"completionTime": MOMENT, "attempts": [{**attempt, "startTime": MOMENT, "completionTime": MOMENT}]}
    return {**status, **ended, "usage": usage, "outputs": lines, "results": results_of(lines)}


def _job_status(has_ended: bool) -> Manifest:
    if not has_ended:
        return {"active": 1, "startTime": MOMENT}
    condition = {"type": "Complete", "status": "True", "reason": "CompletionsReached", "lastTransitionTime": MOMENT}
    return {"succeeded": 1, "startTime": MOMENT, "completionTime": MOMENT, "conditions": [condition]}


def _pod_status(has_ended: bool) -> Manifest:
    state: Manifest = {"running": {"startedAt": MOMENT}}
    if has_ended:
        message = encode_document(OUTCOME).decode()
        ended = {"exitCode": 0, "reason": "Completed", "startedAt": MOMENT, "finishedAt": MOMENT, "message": message}
        state = {"terminated": ended}
    agent = {"name": "kelos-agent", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}
    return {"phase": "Succeeded" if has_ended else "Running", "startTime": MOMENT, "containerStatuses": [agent]}
