"""Servers to measure on: a real Kubernetes without nodes, ours without nodes, and the whole local plane."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))


@contextmanager
def real_server(folder: Path) -> Iterator[Path | None]:
    """etcd, kube-apiserver and kube-controller-manager; None when this machine has no programs for them."""
    from kelos.install.crds import build_crds
    from realcluster.binaries import find_binaries
    from realcluster.control_plane import ControlPlane

    if (binaries := find_binaries()) is None:
        yield None
        return
    with ControlPlane.start(binaries, build_crds()) as plane:
        yield plane.token_kubeconfig


@contextmanager
def local_server(folder: Path, *, finished: int = 0, active: int = 0) -> Iterator[Path]:
    """Our API server, Job controller and collector in one process; pods stay Pending until somebody plays a node.

    So many Tasks are there from the beginning, with their Jobs and pods.
    """
    with _child([sys.executable, __file__, str(finished), str(active)], folder / "local-server") as kubeconfig:
        yield kubeconfig


@contextmanager
def local_plane(folder: Path) -> Iterator[Path]:
    """`kelos up`: everything, pods are processes of this machine."""
    with _child([sys.executable, "-m", "kelos", "up", "--ephemeral"], folder / "local-plane") as kubeconfig:
        yield kubeconfig


@contextmanager
def _child(command: list[str], kubeconfig: Path) -> Iterator[Path]:
    """A program that prints its kubeconfig and ends when its standard input is closed."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        kubeconfig.write_text(json.dumps(json.loads(child.stdout.readline())["kubeconfig"]))
        yield kubeconfig
    finally:
        child.stdin.close()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


async def serve(finished: int, active: int) -> None:
    from _crowd import fill

    from kelos.api.kinds import CRD
    from kelos.install.crds import build_crds
    from kelos.local.cluster import LocalCluster
    from kelos.local.garbage.collector import run_garbage_collector
    from kelos.local.jobs.control.loop import run_job_controller
    from kelos.local.server.serving import create_app, open_plane
    from kelos.local.server.serving import serve as serve_app
    from kelos.local.store import Store
    from kelos.processes.plane import COLLECTED

    plane = open_plane(Store(None))
    cluster = LocalCluster(plane)
    for crd in build_crds():
        await cluster.create(CRD, crd)
    await fill(plane, finished=finished, active=active)
    server = await serve_app(create_app(plane, "benchmark"))
    async with asyncio.TaskGroup() as group:
        loops = [
            group.create_task(run_garbage_collector(cluster, COLLECTED)),
            group.create_task(run_job_controller(cluster)),
        ]
        print(json.dumps({"kubeconfig": server.kubeconfig}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for loop in loops:
            loop.cancel()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
