"""Mode local: the step starts its own plane, fills it from the task-file, and takes it along when it ends."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fakes.kubernetes import FakeKubernetes
from fakes.runner import Job

BASIC = {"prompt": "say hello", "type": "demo", "mode": "local"}
FILE = """\
apiVersion: kelos.dev/v1alpha2
kind: Workspace
metadata: {name: repo}
spec: {repo: "http://127.0.0.1/repo.git"}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {ANTHROPIC_API_KEY: x}
---
apiVersion: kelos.dev/v1alpha2
kind: Task
metadata: {name: hello}
spec: {type: demo, prompt: hello, workspaceRef: {name: repo}}
"""


@pytest.fixture
def plane(job: Job, kubernetes: FakeKubernetes) -> Path:
    """A stand-in for `python -m kelos`: it prints the kubeconfig, waits for the end of its input, and leaves a note."""
    del job.env["KUBECONFIG"]
    script = job.folder / "python"
    note = job.folder / "ended"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {job.folder / "arguments"}\n'
        f"echo '{json.dumps({'kubeconfig': kubernetes.kubeconfig})}'\n"
        f"echo '::error::from the plane' >&2\nprintf more\ncat > /dev/null\necho bye > {note}\n"
    )
    script.chmod(0o755)
    job.env["KELOS_PYTHON"] = str(script)
    return note


def test_a_task_runs_on_a_plane_of_its_own(job: Job, kubernetes: FakeKubernetes, plane: Path):
    """No cluster, no kubeconfig; when the step is over the plane is, too."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    result = job.use(with_=BASIC)

    assert (0, "success") == (result.code, result.outputs["conclusion"]), result.log
    assert "-I -m kelos up --ephemeral\n" == (job.folder / "arguments").read_text()
    assert "bye\n" == plane.read_text()
    assert "from the plane" not in result.log


def test_a_task_file_brings_what_the_task_needs(job: Job, kubernetes: FakeKubernetes, plane: Path):
    """An empty plane has neither Workspace nor Secret, so the file may hold them; they are created first."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])
    (job.folder / "workspace/all.yaml").write_text(FILE)

    result = job.use(with_={"task-file": "all.yaml", "mode": "local"})

    assert (0, "hello") == (result.code, result.outputs["task-name"]), result.log
    assert [("Workspace", "ci"), ("Secret", "ci")] == [
        (one["kind"], one["metadata"]["namespace"]) for one in kubernetes.others
    ]
    posts = [request for request in kubernetes.requests if request.startswith("POST")]
    assert ["workspaces", "secrets", "tasks"] == [post.split("/")[-1].split("?")[0] for post in posts]


def test_the_plane_knows_nothing_of_the_workflow(job: Job, kubernetes: FakeKubernetes, plane: Path):
    """Agents run below it as the same user and can read its environment: no secret of the job may be there."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])
    script = Path(job.env["KELOS_PYTHON"])
    script.write_text(script.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\nenv > {job.folder / 'env'}\n"))
    job.env |= dict.fromkeys(
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "ANTHROPIC_API_KEY", "NPM_AUTH"),
        "s3cr3t",
    )

    job.use(with_=BASIC)

    found = (job.folder / "env").read_text()
    names = [line.partition("=")[0] for line in found.splitlines()]
    assert [] == [name for name in names if name.startswith(("ACTIONS_", "GITHUB_", "RUNNER_", "KELOS_"))]
    assert "PATH" in names
    assert "s3cr3t" not in found


def test_the_step_closes_its_own_environment(job: Job, plane: Path):
    """It needs the job's tokens itself, and /proc shows them to everybody of the same user, agents too."""
    script = (
        "import ctypes, sys; from pathlib import Path; from kelos.action.local import LocalPlane\n"
        "with LocalPlane(sys.argv[1], {'PATH': '/usr/bin:/bin'}, Path(sys.argv[2])):\n"
        "    print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    argv = [sys.executable, "-c", script, job.env["KELOS_PYTHON"], str(job.folder / "plane.log")]

    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)

    assert "0\n" == said.stdout


def test_a_cancelled_step_takes_the_plane_along(job: Job, kubernetes: FakeKubernetes, plane: Path):
    """Its life line is a pipe of ours: however we end, it ends."""
    now = threading.Event()
    kubernetes.on_create = lambda task: now.set()

    result = job.use(with_=BASIC, cancel_when=now)

    assert 130 == result.codes["Run the Task"]
    assert "bye\n" == plane.read_text()


def test_a_plane_that_does_not_start_is_explained(job: Job, plane: Path):
    """Its last words are the best sentence there is."""
    Path(job.env["KELOS_PYTHON"]).write_text("#!/bin/sh\necho 'kelos: port 6443 is taken' >&2\nexit 1\n")

    result = job.use(with_=BASIC)

    assert (2, "The local plane did not start: kelos: port 6443 is taken") == (result.code, result.outputs["message"])


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"kubeconfig": "x"}, "The input `mode` is local, which has its own server"),
        ({"wait": "false"}, "The input `wait` is false in mode local"),
        ({"branch": "a..b"}, "Branch 'a..b' is not a name git accepts"),
    ],
)
def test_what_is_wrong_is_said_before_a_plane_is_started(job: Job, plane: Path, said, sentence):
    """A plane takes seconds."""
    result = job.use(with_={**BASIC, **said})

    assert (2, False) == (result.code, (job.folder / "arguments").exists())
    assert sentence in result.outputs["message"]
