"""Our own node's manners: two live side by side, and each goes without a trace, however it is ended."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from realcluster.client import connect
from realcluster.keeper import cgroups
from realcluster.waiting import wait_for
from realnode.fixtures import BUSYBOX_IMAGE, KUBECONFIG_VARIABLE
from realnode.private import TUNABLES

from .pods import Pods

TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(KUBECONFIG_VARIABLE in os.environ, reason="a given cluster is not ours to end")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """pytest's own folders have names too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="node-") as folder:
        yield Path(folder)


@contextmanager
def started(folder: Path, archive: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A node in a process of its own, with its kubeconfig."""
    kubeconfig = folder / "kubeconfig"
    command = [sys.executable, "-m", "realnode", "up", f"--kubeconfig={kubeconfig}", f"--image={archive}"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Ready after ")
        yield process, kubeconfig


def run_pods(kubeconfig: Path, image: str) -> None:
    """One pod that ended and one that is running."""
    pods = Pods(connect(kubeconfig), "default", image)
    pods.start(pods.spec("exit 0"))
    pods.start(pods.spec("echo up; sleep 1234567"), "stays")
    pods.end()
    pods.await_log("up", "stays")


def traces(folder: Path, node: str, interface: str) -> list[str]:
    """What is on this machine of the node that works in `folder`: every kind of thing that a node makes."""
    processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        *(f"process {entry.name}" for entry in processes if str(folder) in read(entry / "cmdline")),
        *(f"process {entry.name} of a pod" for entry in processes if node in read(entry / "cgroup")),
        *(f"cgroup {path}" for path in cgroups(node)),
        *(f"mount {line}" for line in read(Path("/proc/self/mounts")).splitlines() if node in line),
        *(f"interface {path.name}" for path in Path("/sys/class/net").glob(interface)),
        *(f"file {path}" for path in folder.iterdir()),
    ]


def read(file: Path) -> str:
    """The text of a file of the kernel; nothing when its process is gone."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def names(folder: Path, kubeconfig: Path) -> tuple[str, str]:
    """The name of the node's folder and cgroups, and of its interface."""
    (node,) = folder.glob("kelos-*")
    return node.name, f"kelos-node{connect(kubeconfig).host.split('.')[2]}"


@pytest.mark.parametrize("way", ["stdin", signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_ended_node_leaves_nothing(way: str | signal.Signals, short_folder: Path, busybox_archive: Path) -> None:
    """Not even running pods: no process, cgroup, mount, interface or file, and the kernel keeps its values."""
    values = [Path("/proc/sys", name).read_text() for name in TUNABLES]
    with started(short_folder, busybox_archive) as (process, kubeconfig):
        run_pods(kubeconfig, BUSYBOX_IMAGE)
        node, interface = names(short_folder, kubeconfig)
        while_up = traces(short_folder, node, interface)
        if isinstance(way, signal.Signals):
            process.send_signal(way)
            process.wait(30)
    if way == signal.SIGKILL:
        kubeconfig.unlink()

    assert {"process", "cgroup", "interface", "file"} <= {line.split()[0] for line in while_up}
    if way == signal.SIGKILL:  # nobody waits for the keeper then
        wait_for("the keeper to sweep", lambda: not traces(short_folder, node, interface))
    assert [] == traces(short_folder, node, interface)
    assert values == [Path("/proc/sys", name).read_text() for name in TUNABLES]


def test_two_nodes_live_side_by_side(short_folder: Path, busybox_archive: Path) -> None:
    """Two test runs on one machine do not know of each other."""
    folders = [short_folder / "one", short_folder / "two"]
    for folder in folders:
        folder.mkdir()
    with started(folders[0], busybox_archive) as (_, one), started(folders[1], busybox_archive) as (_, two):
        for kubeconfig in (one, two):
            run_pods(kubeconfig, BUSYBOX_IMAGE)
        assert names(folders[0], one) != names(folders[1], two)
