"""`kelos up --ephemeral` as a child process: the whole local cluster for tests that come from outside."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kelos.api.kinds import Kind, Manifest
from realcluster.client import Api, connect

NAMESPACE = "default"
GOODBYE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCluster:
    """Where it is, and how to fill it."""

    kubeconfig: Path
    api: Api

    @property
    def document(self) -> Manifest:
        return dict(json.loads(self.kubeconfig.read_text()))

    def make(self, kind: Kind, name: str, **content: Any) -> None:
        """Create an object; what it holds stands beside its metadata."""
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, **content}
        self.api.post(kind.path(NAMESPACE), body).expect()

    def all(self, kind: Kind) -> list[Manifest]:
        return list(self.api.get(kind.path(NAMESPACE)).expect()["items"])


@contextmanager
def small_cluster(folder: Path, *, programs: Path | None = None, pods: int = 2) -> Iterator[SmallCluster]:
    """It keeps its kubeconfig and log in `folder`, and finds agents in `programs` before those of the machine."""
    path = os.pathsep.join(
        [*([str(programs)] if programs else []), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    environment = {"PATH": path, "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}
    with plane_process(folder, environment, "--pods", str(pods)) as kubeconfig:
        yield SmallCluster(kubeconfig=kubeconfig, api=connect(kubeconfig))


@contextmanager
def plane_process(folder: Path, environment: Mapping[str, str], *arguments: str) -> Iterator[Path]:
    """The child process until the end of the block; its kubeconfig. `plane.log` in `folder` is what it says."""
    with (folder / "plane.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "kelos", "up", "--ephemeral", *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line, (folder / "plane.log").read_text()
        kubeconfig = folder / "plane.json"
        kubeconfig.write_text(json.dumps(json.loads(line)["kubeconfig"]))
        yield kubeconfig
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(GOODBYE_SECONDS)
