"""The program of the integration guide, with the official client, unchanged but for what it asks the agent."""

from __future__ import annotations

import subprocess
import sys

from .person import Person

PROGRAM = """\
from kubernetes import client, config

config.load_kube_config()
api = client.CustomObjectsApi()
task = {
    "apiVersion": "kelos.dev/v1alpha1",
    "kind": "Task",
    "metadata": {"name": "programmatic-task"},
    "spec": {
        "type": "claude-code",
        "prompt": "Add input validation to the /api/users endpoint",
        "credentials": {
            "type": "api-key",
            "secretRef": {"name": "anthropic-api-key"},
        },
        "workspaceRef": {"name": "my-workspace"},
        "branch": "add-validation",
    },
}
api.create_namespaced_custom_object(
    group="kelos.dev",
    version="v1alpha1",
    namespace="default",
    plural="tasks",
    body=task,
)
"""


def test_the_guides_program_creates_a_task(neighbour: Person) -> None:
    """Its Task names a Workspace and a Secret that do not exist yet: it waits, and says for what."""
    done = program(neighbour, PROGRAM)
    said = neighbour.get("task", "programmatic-task")

    assert (0, "") == (done.returncode, done.stderr)
    assert {"name": "my-workspace"} == said["spec"]["workspaceRef"]
    assert "add-validation" == said["spec"]["branch"]
    neighbour.run("delete", "task", "programmatic-task")


def test_a_program_reads_the_results(neighbour: Person) -> None:
    """The same program for the demo agent, then a watch until the end and `status.results`."""
    prompt = "say ok\\nusage input=12 output=3 cost=0.01"
    source = (
        PROGRAM.replace("Add input validation to the /api/users endpoint", prompt)
        .replace('"claude-code"', '"demo"')
        .replace('"type": "api-key"', '"type": "none"')
        .replace('"secretRef": {"name": "anthropic-api-key"},', "")
        .replace('"workspaceRef": {"name": "my-workspace"},', "")
        .replace('"branch": "add-validation",', "")
        .replace("programmatic-task", "read-results")
    )
    done = program(neighbour, source + READ)

    assert (0, "") == (done.returncode, done.stderr)
    assert "Succeeded 12 3 0.01\n" == done.stdout


READ = """
from kubernetes import watch

where = ("kelos.dev", "v1alpha1", "default", "tasks")
for event in watch.Watch().stream(api.list_namespaced_custom_object, *where, timeout_seconds=100):
    found = event["object"]
    status = found.get("status", {})
    if found["metadata"]["name"] == "read-results" and status.get("phase") in ("Succeeded", "Failed"):
        results = status["results"]
        print(status["phase"], results["input-tokens"], results["output-tokens"], results["cost-usd"])
        break
"""


def program(person: Person, source: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", source]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=person.env)
