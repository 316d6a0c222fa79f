"""What a Task asks of its pod, on a real node: what is honoured, and what cannot be had and is told."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from kelos.api.kinds import TASK
from kelos.api.names import CONTAINER_AGENT, VOLUME_WORKSPACE

from .installation import PREFIX, TAG, Installation
from .leftovers import assert_left, left
from .scripted import ended, run_script
from .servers.git import SECRET, GitHost, token_secret, workspace

IMAGE = f"{PREFIX}/demo:{TAG}"
HELPER = {"image": IMAGE, "imagePullPolicy": "IfNotPresent"}


def submit(place: Installation, name: str, prompt: str, overrides: Mapping[str, Any], **spec: Any) -> None:
    """A Task of the demo agent with these podOverrides."""
    body = {"type": "demo", "prompt": prompt, "credentials": {"type": "none"}, "podOverrides": overrides, **spec}
    place.apply({"apiVersion": TASK.api_version, "kind": TASK.kind, "metadata": {"name": name}, "spec": body})


def test_a_key_that_the_secret_lacks_is_named(installation: Installation) -> None:
    """Before anything runs; the Task waits as long as the missing key may still come, and then says which one."""
    installation.kubectl("create", "secret", "generic", "agent-key", "--from-literal=OTHER=x")
    flags = ("-t", "claude-code", "--credential-type", "api-key", "--secret", "agent-key", "--start-timeout", "4s")

    done = installation.kelos("run", "--name", "keyless", "-p", "go", *flags, "--wait")

    status = installation.status("keyless")
    assert (1, "SecretMissing") == (done.returncode, status["reason"])
    assert "'agent-key'" in status["message"]
    assert "ANTHROPIC_API_KEY" in status["message"]
    assert_left(installation, "Secret/agent-key")


def test_a_pod_that_fits_on_no_node_is_told_and_not_kept(installation: Installation) -> None:
    """While it waits the reason is there to see; after the start timeout the Task ends with it."""
    submit(installation, "giant", "say hi", {"resources": {"requests": {"cpu": "900"}}}, startTimeoutSeconds=25)

    waiting = installation.until("giant", "Pending")
    status = ended(installation, "giant")

    assert waiting["reason"] in ("PodPending", "Unschedulable")
    assert "Unschedulable" == status["reason"]
    assert "Insufficient cpu" in status["message"]
    assert_left(installation)


def test_a_setup_command_that_fails_ends_the_task(installation: Installation, git_host: GitHost) -> None:
    """No agent runs, and the last lines of the command are there to read."""
    git_host.create("team/setup")
    command = ["sh", "-c", "echo installing; echo no such package >&2; exit 3"]
    installation.apply(token_secret(), workspace(git_host.url("team/setup"), setupCommand=command))

    done = installation.run("unset", "say never", "--workspace", "app", "--wait")

    status = installation.status("unset")
    assert (1, "SetupFailed", 1) == (done.returncode, status["reason"], len(status["attempts"]))
    assert "exit code 3" in status["message"]
    assert "no such package" in installation.kubectl("logs", "job/unset", "-c", CONTAINER_AGENT)
    assert "never" not in done.stdout
    assert_left(installation, "Job/unset", "Pod/unset", f"Secret/{SECRET}")


def test_a_sidecar_that_never_ends_keeps_no_task_alive(installation: Installation) -> None:
    """The agent reaches it, and when the agent is done both are."""
    serve = "cd /tmp && echo from the sidecar > page && exec python3 -m http.server 8099"
    script = """
import time, urllib.request
for _ in range(1200):
    try:
        end(urllib.request.urlopen("http://127.0.0.1:8099/page").read().decode())
        break
    except OSError:
        time.sleep(0.1)
"""
    sidecar = {**HELPER, "name": "page", "command": ["sh", "-c", serve]}
    run_script(installation, "served", script, podOverrides={"extraContainers": [sidecar]})

    status = ended(installation, "served")

    assert ("Succeeded", "from the sidecar\n") == (status["phase"], response(status)), status
    assert_left(installation, "Job/served", "Pod/served", "ConfigMap/served-script")


def test_an_extra_init_container_sees_the_checkout_and_the_workspaces_files(
    installation: Installation, git_host: GitHost
) -> None:
    """It runs after the preparation and before the agent; a file of the Workspace is no change to commit."""
    git_host.create("team/files")
    files = [{"path": "conf/local.ini", "content": "answer = 42\n"}]
    installation.apply(token_secret(), workspace(git_host.url("team/files"), files=files))
    look = "cat /workspace/repo/conf/local.ini /workspace/repo/README.md > /shared/seen"
    shared = {"name": "shared", "mountPath": "/shared"}
    checkout = {"name": VOLUME_WORKSPACE, "mountPath": "/workspace"}
    looker = {**HELPER, "name": "look", "command": ["sh", "-c", look], "volumeMounts": [shared, checkout]}
    overrides = {
        "extraInitContainers": [looker],
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "volumeMounts": [shared],
    }
    script = """
import subprocess
def run(line):
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout
said = run("cat /shared/seen conf/local.ini")
run("echo hello > NOTES.md; git add -A; git commit -qm All; git push -q origin HEAD")
end(said + run("git status --porcelain"))
"""
    run_script(
        installation,
        "looked",
        script,
        podOverrides=overrides,
        workspaceRef={"name": "app"},
        branch="kelos/files",
    )

    status = ended(installation, "looked")

    assert ("Succeeded", "answer = 42\nversion 2\nanswer = 42\n") == (status["phase"], response(status)), status
    assert ["NOTES.md", "README.md"] == git_host.git("team/files", "ls-tree", "--name-only", "kelos/files").split()
    kept = ("Job/looked", "Pod/looked", "ConfigMap/looked-script", f"Secret/{SECRET}")
    assert_left(installation, *kept, *(name for name in left(installation) if name.startswith("Secret/looked-")))


def response(status: Mapping[str, Any]) -> str:
    return b64decode(status["results"]["response"]).decode()
