"""The Action on the oldest Python that self-hosted runners have, beside ours."""

import json
import subprocess
from pathlib import Path

import pytest

from fakes.kubernetes import FakeKubernetes, Log
from fakes.runner.files import parse_outputs
from pythons import pythons

ROOT = Path(__file__).parents[3]
MAIN = ROOT / "src/kelos/action/__main__.py"
IMPORT_ALL = """
import sys, importlib, pathlib
root = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(root))
for package in ("action", "runner"):
    for path in sorted((root / "kelos" / package).rglob("*.py")):
        if path.name != "__main__.py":
            importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
"""


@pytest.mark.parametrize("python", pythons())
def test_every_module_is_imported(python: str):
    """Most of what a Python does not have shows here."""
    command = [python, "-I", "-W", "error", "-c", IMPORT_ALL, str(ROOT / "src")]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("python", pythons())
def test_a_step_from_submit_to_outputs(python: str, kubernetes: FakeKubernetes, tmp_path: Path):
    """The rest shows when it runs: threads, HTTP, a log, times with nanoseconds, outputs."""
    kubernetes.add_pod("p")
    kubernetes.logs["p", "kelos-agent"] = Log([("2026-01-01T00:00:01.123456789Z", "hello")])
    kubernetes.on_create = lambda task: kubernetes.succeed(
        task["metadata"]["name"], podName="p", startTime="2026-01-01T00:00:05.123456789Z", results={"branch": "b"}
    )
    (tmp_path / "kubeconfig.json").write_text(json.dumps(kubernetes.kubeconfig))
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "KELOS_STATE": str(tmp_path / "state"),
        "KELOS_INPUT_KUBECONFIG": str(tmp_path / "kubeconfig.json"),
        "KELOS_INPUT_PROMPT": "Fix it",
        "KELOS_INPUT_CREDENTIALS_SECRET": "claude",
        "KELOS_INPUT_ENV": "A=1",
        "KELOS_INPUT_TRANSCRIPT_PATH": "t.txt",
        "GITHUB_WORKSPACE": str(tmp_path),
    }

    done = subprocess.run([python, "-I", str(MAIN)], env=env, capture_output=True, text=True, timeout=120, check=False)

    outputs = parse_outputs((tmp_path / "output").read_text())
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert ("success", "b", "60") == tuple(outputs[name] for name in ("conclusion", "branch", "duration-seconds"))
    assert "hello\n" == (tmp_path / "t.txt").read_text()
