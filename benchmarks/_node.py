"""A real node with our controller in its Deployment, and the controller's process seen from outside."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from _controller import Controller
from _servers import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from e2e.installation import SYSTEM, install
from images.tools import ImagesUnavailableError
from realcluster.binaries import AssetsUnavailableError, require_binaries
from realnode.node import Node, provide
from realnode.private import NodeSetupError
from realnode.settings import containerd_socket

UNAVAILABLE = (AssetsUnavailableError, ImagesUnavailableError, NodeSetupError)
DEMO_IMAGE = "kelos.test/demo:dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The node, what a person needs to use it, and our controller on it."""

    kubeconfig: Path
    kubectl: Path
    event_command: tuple[str, ...]
    """Prints every event of containerd."""
    controller: Controller


@contextmanager
def installed_node(folder: Path) -> Iterator[Site]:
    """Everything is built, started and installed; raises one of `UNAVAILABLE` where that cannot be."""
    from kelos.install.crds import build_crds

    packages = provide(_tell)
    kubectl = require_binaries(_tell).kubectl
    with Node.start(packages, build_crds()) as node:
        install(node, kubectl, folder / "images")
        yield Site(
            kubeconfig=node.kubeconfig,
            kubectl=kubectl,
            event_command=(str(packages.ctr), "--address", str(containerd_socket(node.folder)), "events"),
            controller=Controller(pid=_controller_pid(node)),
        )


def _controller_pid(node: Node) -> int:
    """The process on this machine: the one below tini in the container of the controller's pod."""
    (pod,) = node.api.get(f"/api/v1/namespaces/{SYSTEM}/pods").expect()["items"]
    container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            is_inside = container in (entry / "cgroup").read_text()
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if is_inside and b"controller" in words and not words[0].endswith(b"tini"):
            return int(entry.name)
    raise RuntimeError(f"no process of container {container} is a controller")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
