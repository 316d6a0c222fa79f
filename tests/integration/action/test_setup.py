"""The steps before the Task: a runner without a good Python, and one without PyYAML."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakes.kubernetes import FakeKubernetes
from fakes.runner import Job

BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}


def only(folder: Path, **programs: str) -> str:
    """A PATH with the usual tools, and of Python only these scripts."""
    folder.mkdir()
    for tool in ("bash", "sh", "mkdir", "cat", "chmod"):
        (folder / tool).symlink_to(Path("/bin") / tool)
    for name, body in programs.items():
        script = folder / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    "programs",
    [
        {},
        {"python3": "exit 9009"},
        {"python3": "exit 0"},
        {"python": "echo 'Python was not found; install it from the Store' >&2; exit 49"},
    ],
    ids=["none", "broken", "too-old", "store-stub"],
)
def test_a_runner_without_python_is_told_so(job: Job, programs):
    """In words and in outputs, for there is no program yet that could."""
    job.env["PATH"] = only(job.folder / "bin", **programs)

    result = job.use(with_=BASIC)

    assert (2, "failure", "invalid-input") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    )
    assert "This runner has no Python 3.10 or newer" in result.outputs["message"]


def test_another_name_for_python_is_found(job: Job, kubernetes: FakeKubernetes):
    """Windows has `python` and `py -3`, some images have `python` only."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])
    job.env["PATH"] = only(job.folder / "bin", python3="exit 1", python=f'exec {sys.executable} "$@"')

    assert 0 == job.use(with_=BASIC).code


@pytest.mark.parametrize(
    ("fault", "code", "reason", "sentence"),
    [
        ("*'(3, 11)'*", 2, "invalid-input", "Mode local needs Python 3.11 or newer"),
        ("*'-m venv'*", 2, "invalid-input", "The virtual environment of mode local cannot be installed"),
        ("*'-m pip'*", 3, "api-error", "The packages of mode local cannot be installed"),
    ],
    ids=["too-old", "no-venv", "no-index"],
)
def test_a_runner_that_cannot_have_the_local_plane_is_told_so(
    job: Job, fault: str, code: int, reason: str, sentence: str
):
    """In outputs as well: a later step asks for the conclusion, whatever went wrong."""
    venv = 'mkdir -p "$4/bin" && cat "$0" > "$4/bin/python" && chmod +x "$4/bin/python"'
    python = f'case "$*" in *sys.executable*) echo "$0" ;; {fault}) exit 1 ;; *"-m venv"*) {venv} ;; esac'
    job.env["PATH"] = only(job.folder / "bin", python3=python)

    result = job.use(with_={**BASIC, "mode": "local"})

    assert (code, "failure", reason) == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    ), result.log
    assert result.outputs["message"].startswith(sentence)


def test_a_missing_yaml_library_is_fetched_once_by_its_hash(job: Job, kubernetes: FakeKubernetes):
    """Into a folder of this use of the Action; the runner's Python is left as it was."""
    bare = job.folder / "bare"
    subprocess.run([sys.executable, "-m", "venv", bare], check=True, timeout=120)
    job.env |= {"PATH": f"{bare / 'bin'}:{os.environ['PATH']}"}
    job.env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    result = job.use(with_={**BASIC, "kubeconfig": yaml.safe_dump(kubernetes.kubeconfig)})

    assert 0 == result.code, result.log
    assert 0 == result.codes["Get PyYAML"]
    assert (job.folder / "temp/kelos-1/yaml/yaml/__init__.py").is_file()
    assert 1 == subprocess.run([bare / "bin/python", "-c", "import yaml"], capture_output=True, check=False).returncode


def test_json_needs_no_library_and_no_index(job: Job, kubernetes: FakeKubernetes):
    """An air-gapped runner goes on; only a YAML document is then refused, in words."""
    bare = job.folder / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True, timeout=120)
    job.env["PATH"] = f"{bare / 'bin'}:{os.environ['PATH']}"
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    good = job.use(with_=BASIC)
    bad = job.use(with_={**BASIC, "kubeconfig": yaml.safe_dump(kubernetes.kubeconfig)})

    assert (0, 2) == (good.code, bad.code), good.log
    assert "PyYAML could not be installed" in good.log
    assert "The kubeconfig is YAML, and this Python has no PyYAML" in bad.outputs["message"]
