"""A real node with its control plane, held by this process: it ends with `stop`, with the `with` block, or with us.

The machine's own file system must carry overlayfs, so a folder of a container's overlay will not do as TMPDIR.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from realcluster.binaries import NODE_PROGRAMS, AssetsUnavailableError, Tell, require_binaries, require_folder
from realcluster.client import Api, connect
from realcluster.processes import Workshop
from realcluster.waiting import wait_for

from .cable import Cable, await_unplugged, plug
from .debian import Packages, require_packages
from .images import load_archive
from .inside import CRDS, READY, SLOT
from .private import UNSHARE, NodeSetupError
from .settings import containerd_socket

TESTS = Path(__file__).parents[1]
READY_SECONDS = 240
SOCKET_LENGTH = 96  # containerd adds a suffix, and the kernel allows 108


def provide(tell: Tell) -> Packages:
    """Everything a node is made of, built and fetched now when this is the first time."""
    if os.geteuid() != 0:
        raise AssetsUnavailableError(
            "A real node needs root, for namespaces and containers: "
            "run as root, or make e2e with CLUSTER=kind or KUBECONFIG=FILE."
        )
    packages = require_packages(tell)
    require_binaries(tell)
    require_folder(NODE_PROGRAMS, tell)
    return packages


class Node:
    """A running node; `kubeconfig` is its cluster's administrator, reachable from this machine only."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages
        self._workshop = Workshop()
        self._cable: Cable | None = None
        self.folder = self._workshop.folder
        self.kubeconfig = self.folder / READY

    @classmethod
    def start(cls, packages: Packages, crds: Iterable[Mapping[str, Any]] = ()) -> Self:
        """Start a control plane and a node in namespaces of their own, and return when pods can run."""
        node = cls(packages)
        try:
            node._start(list(crds))
        except BaseException:
            node.stop()
            raise
        return node

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def api(self) -> Api:
        """The API server as its administrator."""
        return connect(self.kubeconfig)

    @property
    def machine_address(self) -> str:
        """Where pods and the API server reach what listens on this machine."""
        assert self._cable is not None
        return self._cable.gateway

    def load_image(self, archive: Path) -> list[str]:
        """Load an OCI or Docker archive; returns the names of its images, which pods can use at once."""
        return load_archive(self._packages, self.folder, archive)

    def check(self) -> None:
        """Raise with the reason when the node ended by itself."""
        for program in self._workshop.programs:
            program.check()

    def stop(self) -> None:
        """End everything and leave nothing: no process, mount, interface, cgroup or file."""
        self._workshop.close()
        if self._cable:
            await_unplugged(self._cable)

    def _start(self, crds: list[Mapping[str, Any]]) -> None:
        if len(str(containerd_socket(self.folder))) > SOCKET_LENGTH:
            raise NodeSetupError(f"{self.folder} is too long a name for sockets in it: set TMPDIR to a shorter one.")
        (self.folder / CRDS).write_text(json.dumps(crds))
        command: list[str | Path] = [*UNSHARE, sys.executable, "-m", "realnode.inside", self.folder]
        paths = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
        program = self._workshop.start("node", command, {**os.environ, "PYTHONPATH": paths})
        wait_for("the private network", lambda: _has_own_network(program.pid))
        self._cable = plug(program.pid)
        part = self.folder / f".{SLOT}"
        part.write_text(str(self._cable.slot))
        part.rename(self.folder / SLOT)

        def is_ready() -> bool:
            self.check()
            return self.kubeconfig.exists()

        try:
            wait_for("the node", is_ready, READY_SECONDS)
        except TimeoutError as error:
            raise NodeSetupError(f"{error}:\n{program.last_words()}") from error


def _has_own_network(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    except FileNotFoundError:
        return False
