"""`kelos serve controller` as an operator runs it: against a real API server, until SIGTERM."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import Any

import httpx
import pytest

from kelos.install.controller import build_controller
from realcluster.control_plane import ControlPlane
from realcluster.waiting import wait_for


@pytest.mark.cluster
def test_the_controller_serves_tasks_until_it_is_told_to_stop(real_cluster: ControlPlane, real_namespace: str) -> None:
    """A Task gets its Job, and a stop is clean."""
    port = free_port()
    elect = ["--leader-elect", "--election-namespace", real_namespace, "--health-port", str(port)]
    controller = start(real_cluster, "--watch-namespace", real_namespace, *elect)
    try:
        tasks = f"/apis/kelos.dev/v1alpha2/namespaces/{real_namespace}/tasks"
        spec = {"prompt": "say hello", "type": "demo", "credentials": {"type": "none"}}
        task = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "served"}, "spec": spec}
        real_cluster.api.post(tasks, task).expect()

        job = wait_for(
            "the Task's Job",
            lambda: real_cluster.api.get(tasks + "/served").expect().get("status", {}).get("jobName"),
        )
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz")
        numbers = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        controller.send_signal(signal.SIGTERM)
        _, said = controller.communicate(timeout=20)

    assert ("served", 0) == (job, controller.returncode)
    assert (200, True) == (ready.status_code, "kelos_is_leader 1.0" in numbers)
    assert b"Controller stopped" in said


@pytest.mark.cluster
def test_a_port_that_is_taken_is_named(real_cluster: ControlPlane) -> None:
    """And nothing works in secret, where no probe sees it."""
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        controller = start(real_cluster, "--health-port", port)
        _, said = controller.communicate(timeout=20)

    assert 2 == controller.returncode
    assert f"Port {port} cannot be used for probes: Address already in use; choose another".encode() in said


@pytest.mark.cluster
def test_what_runs_the_controller_is_accepted(real_cluster: ControlPlane, real_namespace: str) -> None:
    """Its pod too, in a namespace that enforces Pod Security "restricted"."""
    restricted = {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    real_cluster.api.patch(
        f"/api/v1/namespaces/{real_namespace}", {"metadata": restricted}, "merge-patch+json"
    ).expect()
    namespace, *manifests = build_controller(namespace=real_namespace)
    template = manifests[-1]["spec"]["template"]
    pod = {"metadata": {"name": "one", **template["metadata"]}, "spec": template["spec"]}
    real_cluster.api.post(f"/api/v1/namespaces/{real_namespace}/serviceaccounts", manifests[0]).expect()

    for manifest in manifests[1:]:
        path = collection(manifest, real_namespace)
        assert real_cluster.api.post(path, manifest, dryRun="All").expect(), manifest["kind"]
    real_cluster.api.post(f"/api/v1/namespaces/{real_namespace}/pods", pod, dryRun="All").expect()

    assert ("Namespace", restricted["labels"]) == (namespace["kind"], namespace["metadata"]["labels"])


def collection(manifest: dict[str, Any], namespace: str) -> str:
    group, plural = manifest["apiVersion"], manifest["kind"].lower() + "s"
    within = f"/namespaces/{namespace}" if "namespace" in manifest["metadata"] else ""
    return f"/apis/{group}{within}/{plural}"


def start(cluster: ControlPlane, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "kelos", "--kubeconfig", str(cluster.kubeconfig), "serve", "controller"]
    return subprocess.Popen([*command, *flags], stderr=subprocess.PIPE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
