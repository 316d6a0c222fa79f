"""What is created: Tasks, their credential, and the Jobs that they are compared with."""

from __future__ import annotations

from kelos.api.kinds import JOB, SECRET, TASK, Manifest

NAMESPACE = "default"


def task(name: str) -> Manifest:
    spec = {
        "type": "claude-code",
        "prompt": "Fix the login page: it fails when the name has an umlaut. Add a test.",
        "credentials": {"type": "api-key", "secretRef": {"name": "agent-key"}},
    }
    return {
        "apiVersion": TASK.api_version,
        "kind": TASK.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def demo_task(name: str) -> Manifest:
    spec = {"type": "demo", "prompt": "say done", "credentials": {"type": "none"}}
    return {
        "apiVersion": TASK.api_version,
        "kind": TASK.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def secret() -> Manifest:
    meta = {"name": "agent-key", "namespace": NAMESPACE}
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": meta,
        "stringData": {"ANTHROPIC_API_KEY": "none"},
    }


def plain(job: Manifest) -> Manifest:
    """The Job of a Task as anybody could create it: nobody's child, without our labels and finalizer."""
    spec = {key: value for key, value in job["spec"].items() if key not in ("selector", "template")}
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "spec": {**spec, "template": {"spec": job["spec"]["template"]["spec"]}},
    }


def named(manifest: Manifest, name: str) -> Manifest:
    return {**manifest, "metadata": {"name": name, "namespace": NAMESPACE}}


def suspended(job: Manifest) -> Manifest:
    """The same, never to run."""
    made = plain(job)
    return {**made, "spec": {**made["spec"], "suspend": True}}
