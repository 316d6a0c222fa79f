"""Our images and our controller on the cluster under test, installed as an operator installs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.build import build
from kelos.api.kinds import TASK, Manifest
from realcluster.waiting import wait_for
from realnode.fixtures import Cluster

PREFIX, TAG, SYSTEM = "kelos.test", "dev", "kelos-system"
PATIENCE_SECONDS = 120.0


class Installation:
    """What a person does with it: `kelos …` and `kubectl …`, in one namespace."""

    def __init__(self, cluster: Cluster, kubectl: Path, namespace: str) -> None:
        self.cluster, self._kubectl, self.namespace = cluster, kubectl, namespace

    def kelos(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        command = self._command(*words)
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)

    def _command(self, *words: str) -> list[str]:
        where = ["--kubeconfig", str(self.cluster.kubeconfig), "-n", self.namespace]
        return [sys.executable, "-P", "-m", "kelos", *where, *words]

    def run(self, name: str, prompt: str, *flags: str) -> subprocess.CompletedProcess[str]:
        """A Task of the demo agent."""
        return self.kelos(*_demo(name, prompt, *flags))

    def follow(self, name: str, prompt: str, *flags: str) -> subprocess.Popen[str]:
        """A Task, by default of the demo agent, and the command that waits for it. The prompt carries a mark."""
        marked = f"# {self.namespace}-{name}\n{prompt}"
        words = self._command(*_demo(name, marked, "--wait", *flags))
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def kill_controller(self) -> None:
        """At once and without a goodbye; its Deployment starts another one."""
        selector = "app.kubernetes.io/component=controller"
        self.kubectl("delete", "pods", "-l", selector, "--grace-period=0", "--force", namespace=SYSTEM)

    def kubectl(self, *words: str, text: str = "", namespace: str = "") -> str:
        """One command that must succeed; what it printed."""
        where = [f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={namespace or self.namespace}"]
        command = [str(self._kubectl), *where, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=True).stdout

    def apply(self, *manifests: Manifest) -> None:
        """Create or change these."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "-f", "-", text=json.dumps(items))

    def list(self, kind: str) -> list[Manifest]:
        """Every object of a kind, by its plural name."""
        return list(json.loads(self.kubectl("get", kind, "-o", "json"))["items"])

    def status(self, name: str) -> Manifest:
        found = self.cluster.api.get(TASK.path(self.namespace, name)).expect()
        return dict(found.get("status") or {})

    def pods(self) -> list[Manifest]:
        return list(self.cluster.api.get(f"/api/v1/namespaces/{self.namespace}/pods").expect()["items"])

    def until(self, name: str, phase: str) -> Manifest:
        """The status once the Task has come there."""
        wait_for(f"Task '{name}' to be {phase}", lambda: self.status(name).get("phase") == phase, PATIENCE_SECONDS)
        return self.status(name)


def _demo(name: str, prompt: str, *flags: str) -> list[str]:
    said = ["-p", prompt] if prompt else []
    return ["run", "--name", name, "-t", "demo", "--credential-type", "none", *said, *flags]


def install(cluster: Cluster, kubectl: Path, archives: Path) -> Installation:
    """The controller runs as a Deployment, under its own ServiceAccount with its own rights."""
    for archive in build(["kelos", "kelos-runner", "demo"], archives, print):
        cluster.load_image(archive)
    generate = [sys.executable, "-m", "kelos.install.generate", "--crds", "--controller"]
    manifests = subprocess.run(
        [*generate, "--image-prefix", PREFIX, "--image-tag", TAG], capture_output=True, text=True, check=True
    ).stdout
    system = Installation(cluster, kubectl, SYSTEM)
    system.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=manifests)
    system.kubectl("rollout", "status", "deployment/kelos-controller", "--timeout=100s")
    return system


@pytest.fixture(scope="session")
def installed(node: Cluster, kubectl: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What an operator has once, for all tests."""
    system = install(node, kubectl, tmp_path_factory.mktemp("images"))
    yield
    system.kubectl("delete", "namespace", SYSTEM, "--wait=false")


@pytest.fixture
def installation(installed: None, node: Cluster, kubectl: Path, node_namespace: str) -> Installation:
    """A namespace of the cluster with our controller."""
    return Installation(node, kubectl, node_namespace)
