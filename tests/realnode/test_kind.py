"""A kind cluster lives as long as the command that it is made for. `kind` itself is a stand-in that notes its calls."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from realcluster.waiting import wait_for

TESTS = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    kind = tmp_path / "kind"
    kind.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n[ "$1" != "$BREAKS" ]\n')
    kind.chmod(0o755)
    return tmp_path


def start(place: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
    path = f"{place}:/usr/bin:/bin"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(TESTS), **variables}
    words = [sys.executable, "-m", "realnode.kind", *command]
    return subprocess.Popen(words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def calls(place: Path) -> list[str]:
    return [" ".join(line.split()[:2]) for line in (place / "calls").read_text().splitlines()]


def test_the_command_gets_the_cluster_and_its_exit_code_counts(place: Path) -> None:
    run = start(place, "sh", "-c", 'echo "$KELOS_E2E_LOAD_IMAGE"; test -n "$KELOS_E2E_KUBECONFIG" && exit 7')

    said, _ = run.communicate(timeout=120)

    assert 7 == run.returncode
    assert said.startswith("kind load image-archive --name kelos-e2e-")
    assert ["create cluster", "delete cluster"] == calls(place)


def test_a_cluster_that_did_not_come_up_is_deleted_too(place: Path) -> None:
    run = start(place, "true", BREAKS="create")

    _, said = run.communicate(timeout=120)

    assert (1, ["create cluster", "delete cluster"]) == (run.returncode, calls(place)), said


def test_an_interrupted_run_deletes_its_cluster(place: Path) -> None:
    run = start(place, "sh", "-c", f"touch {place}/started; exec sleep 60")
    wait_for("the command to run", (place / "started").exists, 60)

    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=120)

    assert 128 + signal.SIGTERM == run.returncode
    assert ["create cluster", "delete cluster"] == calls(place)


def test_without_kind_there_is_one_sentence(place: Path) -> None:
    (place / "kind").unlink()

    _, said = start(place, "true").communicate(timeout=120)

    assert "kind is missing" in said
