"""Agents made of scripts: a stand-in for a vendor's CLI below our runner, or a whole image of somebody else's."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from kelos.api.kinds import TASK, Manifest
from kelos.api.names import CONTAINER_AGENT, ENTRYPOINT
from realcluster.waiting import wait_for

from .installation import PREFIX, TAG, Installation

IMAGE = f"{PREFIX}/demo:{TAG}"
FOLDER = "/agent"
END = (
    "import json\n"
    "def end(text, **more):\n"
    "    said = {'type': 'result', 'subtype': 'success', 'is_error': False, 'result': text, **more}\n"
    "    print(json.dumps(said), flush=True)\n"
)
"""What a Python script says to end well in the stream that our runner reads."""


def run_script(installation: Installation, name: str, script: str, **spec: Any) -> None:
    """A Task whose agent is this Python script; `end(TEXT)` is its last word."""
    mount = {"name": "script", "mountPath": FOLDER}
    path = {"name": "PATH", "value": f"{FOLDER}:/usr/local/bin:/usr/bin:/bin"}
    _run(installation, name, {"cursor-agent": f"#!/usr/bin/python3\n{END}{script}"}, mount, [path], spec)


def run_foreign(installation: Installation, name: str, script: str, **spec: Any) -> None:
    """A Task in an image without our runner: its entrypoint is this Python script."""
    mount = {"name": "script", "mountPath": ENTRYPOINT, "subPath": "entrypoint"}
    _run(installation, name, {"entrypoint": f"#!/usr/bin/python3\n{script}"}, mount, [], spec)


def _run(
    installation: Installation, name: str, files: dict[str, str], mount: Manifest, env: list[Manifest], spec: Manifest
) -> None:
    source = {"name": f"{name}-script", "defaultMode": 0o555}
    ours = {"env": env, "volumes": [{"name": "script", "configMap": source}], "volumeMounts": [mount]}
    more = spec.pop("podOverrides", {})
    overrides = {**more, **{field: [*items, *more.get(field, ())] for field, items in ours.items()}}
    task: Manifest = {
        "apiVersion": TASK.api_version,
        "kind": TASK.kind,
        "metadata": {"name": name},
        "spec": {
            "type": "cursor",
            "image": IMAGE,
            "prompt": "go",
            "credentials": {"type": "none"},
            "podOverrides": overrides,
            **spec,
        },
    }
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-script"}, "data": files}
    installation.kubectl("create", "-f", "-", text=json.dumps(script))
    installation.kubectl("create", "-f", "-", text=json.dumps(task))


def ended(installation: Installation, name: str) -> Manifest:
    """The status at the end of the Task, whichever it is."""

    def look() -> Manifest | None:
        status = installation.status(name)
        return status if status.get("phase") in ("Succeeded", "Failed") else None

    return wait_for(f"Task '{name}' to end", look, 180)


def pods_of(installation: Installation, name: str) -> list[Manifest]:
    """The Task's pods, those on their way out too; oldest first."""
    found = [pod for pod in installation.pods() if pod["metadata"]["labels"].get("kelos.dev/task") == name]
    return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def await_let_go(installation: Installation) -> None:
    """Wait until no finalizer keeps a pod any more: that comes a moment after the status."""

    def are_free() -> bool:
        return not any(pod["metadata"].get("finalizers") for pod in installation.pods())

    wait_for("every pod to be let go", are_free, 60)


def termination(pod: Manifest) -> Manifest | None:
    """How the agent's container ended, as the kubelet tells it; None while it lives."""
    states = pod["status"].get("containerStatuses") or ()
    state = next((s["state"] for s in states if s["name"] == CONTAINER_AGENT), {})
    return state.get("terminated")


def await_log(installation: Installation, name: str, text: str) -> str:
    """Wait until the agent printed the text; the name of its pod."""

    def look() -> str | None:
        pods = [pod["metadata"]["name"] for pod in pods_of(installation, name)]
        return pods[-1] if pods and text in log(installation, pods[-1]) else None

    return wait_for(f"the agent of '{name}' to print {text}", look, 120)


def log(installation: Installation, pod: str, *flags: str) -> str:
    """What the node still has of the agent's log; empty while there is none."""
    try:
        return installation.kubectl("logs", pod, "-c", CONTAINER_AGENT, *flags)
    except subprocess.CalledProcessError:
        return ""
