"""What the Task controller remembers of Jobs and pods."""

import json
from typing import Any

from kelos.api import names
from kelos.api.codec import parse_task
from kelos.api.kinds import Manifest
from kelos.pods.job import build_job
from kelos.pods.request import JobRequest
from kelos.settings import Settings
from kelos.tasks.evidence.facts import read_job, read_pod
from kelos.tasks.evidence.slim import slim_job, slim_pod
from make import task_manifest

BORN = "2026-03-01T10:00:00Z"
PROMPT = "Make the tests pass. " * 2000
SIDECAR = {"name": "db", "image": "postgres", "resources": {"limits": {"memory": "256Mi"}}}
OVERRIDES = {"extraContainers": [SIDECAR], "resources": {"limits": {"memory": "1Gi"}}}


def built_job() -> Manifest:
    task = parse_task(task_manifest(prompt=PROMPT, podOverrides=OVERRIDES))
    job = build_job(JobRequest(task=task, prompt=PROMPT, settings=Settings())).job
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": BORN}
    meta = {**job["metadata"], "uid": "uid-job", "creationTimestamp": BORN}
    return {**job, "metadata": meta, "spec": {**job["spec"], "suspend": True}, "status": {"conditions": [condition]}}


def pod_of(job: Manifest) -> Manifest:
    template = job["spec"]["template"]
    meta = {**template["metadata"], "name": "p", "namespace": "default", "uid": "uid-p", "creationTimestamp": BORN}
    ended: dict[str, Any] = {"exitCode": 1, "message": "{}", "finishedAt": BORN}
    agent = {"name": names.CONTAINER_AGENT, "state": {"terminated": {**ended, "reason": "OOMKilled"}}}
    sidecar = {"name": "db", "started": True, "state": {"running": {"startedAt": BORN}}}
    status = {"phase": "Failed", "containerStatuses": [agent], "initContainerStatuses": [sidecar]}
    return {"metadata": meta, "spec": {**template["spec"], "nodeName": "node-1"}, "status": status}


def test_what_is_remembered_tells_the_same_facts() -> None:
    """Passes decide by the cache: what it leaves out must be nothing that they ask for."""
    job = built_job()
    pod = pod_of(job)

    facts = read_pod(pod)

    assert ("1Gi", True, "256Mi") == (
        facts.agent.memory_limit,
        facts.preparation[0].is_sidecar,
        facts.preparation[0].memory_limit,
    )
    assert (read_job(job), facts) == (read_job(slim_job(job)), read_pod(slim_pod(pod)))
    assert job["metadata"] == slim_job(job)["metadata"]
    assert pod["metadata"]["labels"] == slim_pod(pod)["metadata"]["labels"]


def test_a_prompt_is_not_remembered_with_every_job_and_pod() -> None:
    """It is in the Task already; a thousand long prompts, several times each, would be the controller's memory."""
    job = built_job()
    remembered = json.dumps([slim_job(job), slim_pod(pod_of(job))])

    assert "Make the tests pass" not in remembered
    assert len(remembered) < 3000


def test_remembering_less_changes_nothing_for_others() -> None:
    """On the local plane the cache is handed the very objects that the store holds."""
    job = built_job()
    pod = pod_of(job)
    before = json.dumps([job, pod])
    slim_job(job)
    slim_pod(pod)

    assert before == json.dumps([job, pod])
