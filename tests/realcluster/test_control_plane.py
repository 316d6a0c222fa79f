"""The harness itself: what it starts is real, survives what tests do to it, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from realcluster.binaries import AssetsUnavailableError, Binaries, cache_folder, require_binaries
from realcluster.client import connect
from realcluster.control_plane import ControlPlane
from realcluster.keeper import works_in
from realcluster.waiting import wait_for

TESTS = Path(__file__).parents[1]


@pytest.mark.cluster
def test_data_survives_a_killed_apiserver(own_cluster: ControlPlane) -> None:
    """Fault tests kill the server and expect the same world afterwards, on the same address."""
    path = "/api/v1/namespaces/default/configmaps"
    own_cluster.api.post(path, {"metadata": {"name": "kept"}, "data": {"a": "1"}}).expect()

    own_cluster.kill_apiserver()
    with pytest.raises(OSError):
        own_cluster.api.get(path)
    own_cluster.start_apiserver()

    assert {"a": "1"} == own_cluster.api.get(f"{path}/kept").expect()["data"]


@pytest.mark.cluster
def test_both_kubeconfigs_are_accepted(real_cluster: ControlPlane) -> None:
    """Client certificates and tokens are the two ways people prove themselves."""
    for kubeconfig in (real_cluster.kubeconfig, real_cluster.token_kubeconfig):
        assert 200 == connect(kubeconfig).get("/api/v1/namespaces").status


@pytest.mark.cluster
def test_nothing_outlives_a_killed_parent(cluster_binaries: Binaries) -> None:
    """A test run that is killed must not leave servers on the machine."""
    process = subprocess.Popen(
        [sys.executable, "-m", "realcluster", "up"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().partition("=")[2].strip()).parent
        servers = _processes_of(folder)
        process.send_signal(signal.SIGKILL)

    assert 3 <= len(servers)
    wait_for("the servers to end", lambda: not _processes_of(folder))
    wait_for("the folder to go", lambda: not folder.exists())


def test_an_incomplete_folder_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    """A folder that was named on purpose is never silently replaced by another."""
    (tmp_path / "etcd").touch(mode=0o755)

    with pytest.raises(AssetsUnavailableError) as caught:
        require_binaries(print, {"KELOS_TEST_ASSETS": str(tmp_path)})

    assert f"names {tmp_path}, which has no executable kube-apiserver, kube-controller-manager, kubectl" in str(
        caught.value
    )


def test_the_cache_lies_where_the_environment_says(tmp_path: Path) -> None:
    """CI keeps the folder between runs, so it must be where caches are."""
    assert tmp_path / "kelos" == cache_folder({"XDG_CACHE_HOME": str(tmp_path)}).parent


def _processes_of(folder: Path) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if works_in(str(folder), pid)]
