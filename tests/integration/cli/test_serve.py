"""`kelos serve controller` as an operator runs it: against a real API server, until SIGTERM."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from conformance.servers import prefix
from kelos.api.kinds import TASK, TASK_RECORD
from kelos.api.outcome import Outcome, Usage
from kelos.install import rbac
from kelos.install.controller import NAME, Installation, build_controller
from kelos.outputs.document import encode_document
from realcluster.client import connect
from realcluster.control_plane import ControlPlane, free_ports
from realcluster.fake_node import FakeNode
from realcluster.rights import await_rights, service_account
from realcluster.waiting import wait_for

PATIENCE_SECONDS = 60.0


@pytest.mark.cluster
def test_the_controller_serves_tasks_until_it_is_told_to_stop(real_cluster: ControlPlane, real_namespace: str) -> None:
    """A Task gets its Job, and a stop is clean."""
    (port,) = free_ports(1)
    elect = ["--leader-elect", "--election-namespace", real_namespace, "--health-port", str(port)]
    controller = start(real_cluster, "-n", real_namespace, *elect)
    try:
        task = create_task(real_cluster, real_namespace)
        job = wait_for("the Task's Job", lambda: real_cluster.api.get(task).expect().get("status", {}).get("jobName"))
        ready = asked(port, "readyz")
        created = f'kelos_task_created_total{{namespace="{real_namespace}",type="demo"}} 1.0'
        at_rest = {created, 'kelos_queue_depth{queue="task"} 0.0'}
        wait_for("the numbers to tell of it", lambda: at_rest <= set(asked(port, "metrics").text.splitlines()))
        numbers = asked(port, "metrics").text
    finally:
        controller.send_signal(signal.SIGTERM)
        _, said = controller.communicate(timeout=PATIENCE_SECONDS)

    assert ("served", 0) == (job, controller.returncode)
    assert (200, True) == (ready.status_code, "kelos_is_leader 1.0" in numbers)
    assert 'kelos_passes_total{controller="task",result="ok"}' in numbers
    lines = [json.loads(line) for line in said.splitlines()]
    moved = next(line for line in lines if line["event"] == "Task moved")
    assert ("Pending", "served", real_namespace, 8) == (
        moved["phase"], moved["task"], moved["namespace"], len(moved["reconcile_id"]),
    )  # fmt: skip
    assert ("Controller started", [real_namespace]) == (lines[0]["event"], lines[0]["namespaces"])
    assert "Controller stopped" == lines[-1]["event"]


@pytest.mark.cluster
def test_another_controller_takes_over_while_a_task_runs(
    real_cluster: ControlPlane, real_namespace: str, fake_node: FakeNode
) -> None:
    """The leader is killed: the Task is neither lost nor run again, and is paid for once."""
    flags = ["--watch-namespace", real_namespace, "--leader-elect", "--election-namespace", real_namespace]
    where = f"{real_namespace}/kelos-controller-leader-election"
    leader = start(real_cluster, *flags)
    lease = wait_for(f"a leader in {where}", lambda: holder(real_cluster, real_namespace))
    follower = start(real_cluster, *flags)
    try:
        tasks = create_task(real_cluster, real_namespace)
        pod = fake_node.await_pod(real_namespace, "kelos.dev/task=served")
        fake_node.run(pod)
        wait_for("the Task to run", lambda: phase(real_cluster, tasks) == "Running")
        leader.kill()
        leader.communicate(timeout=PATIENCE_SECONDS)
        outcome = Outcome(usage=Usage(cost_usd="0.25"))
        fake_node.finish(pod, message=encode_document(outcome).decode())

        wait_for("the Task to end", lambda: phase(real_cluster, tasks) == "Succeeded", 60)
        records = wait_for("the record", lambda: listed(real_cluster, TASK_RECORD.path(real_namespace)))
    finally:
        follower.send_signal(signal.SIGTERM)
        follower.communicate(timeout=PATIENCE_SECONDS)

    assert 1 == len(listed(real_cluster, f"/apis/batch/v1/namespaces/{real_namespace}/jobs"))
    assert ["0.25"] == [record["spec"]["usage"]["cost"] for record in records]
    assert (0, True) == (follower.returncode, lease != holder(real_cluster, real_namespace))


@pytest.mark.cluster
def test_rights_in_the_served_namespaces_are_enough(real_cluster: ControlPlane, tmp_path: Path) -> None:
    """As generated: Secrets of every other namespace are out of reach."""
    home, first, second, other = (real_cluster.create_namespace() for _ in range(4))
    _, *manifests, deployment = build_controller(Installation(namespace=home, serves=(first, second)))
    for manifest in manifests:
        path = collection(manifest, manifest["metadata"]["namespace"])
        real_cluster.api.post(path, manifest).expect()
    for place in (first, second):
        await_rights(real_cluster.api, service_account(home, NAME), place, rbac.rules())
    await_rights(real_cluster.api, service_account(home, NAME), home, rbac.rules(rbac.ELECTION_RULES))
    token = real_cluster.api.post(f"/api/v1/namespaces/{home}/serviceaccounts/{NAME}/token", {"spec": {}}).expect()
    kubeconfig = json.loads(real_cluster.kubeconfig.read_text())
    kubeconfig["users"] = [{"name": "admin", "user": {"token": token["status"]["token"]}}]
    (file := tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    flags = deployment["spec"]["template"]["spec"]["containers"][0]["args"][2:]
    controller = start(real_cluster, *(flag for flag in flags if "health-port" not in flag), kubeconfig=file)
    try:
        served = [create_task(real_cluster, namespace) for namespace in (first, second)]
        for tasks in served:
            wait_for(f"the Job of {tasks}", lambda tasks=tasks: phase(real_cluster, tasks) == "Pending")
        passed_over = create_task(real_cluster, other)
    finally:
        controller.send_signal(signal.SIGTERM)
        _, said = controller.communicate(timeout=PATIENCE_SECONDS)

    api = connect(file)
    secrets = [f"/api/v1/namespaces/{other}/secrets", "/api/v1/secrets", f"/api/v1/namespaces/{home}/secrets"]
    assert [403, 403, 403] == [api.get(path).status for path in secrets]
    assert 200 == api.get(f"/api/v1/namespaces/{first}/secrets").status
    assert (0, None) == (controller.returncode, phase(real_cluster, passed_over))
    assert b"forbidden" not in said.lower(), said


@pytest.mark.cluster
def test_a_port_that_is_taken_is_named(real_cluster: ControlPlane) -> None:
    """And nothing works in secret, where no probe sees it."""
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        controller = start(real_cluster, "--health-port", port)
        _, said = controller.communicate(timeout=PATIENCE_SECONDS)

    assert 2 == controller.returncode
    assert f"Port {port} cannot be used for probes: Address already in use; choose another".encode() in said


@pytest.mark.cluster
def test_what_runs_the_controller_is_accepted(real_cluster: ControlPlane, real_namespace: str) -> None:
    """Its pod too, in a namespace that enforces Pod Security "restricted"."""
    restricted = {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    real_cluster.api.patch(
        f"/api/v1/namespaces/{real_namespace}", {"metadata": restricted}, "merge-patch+json"
    ).expect()
    namespace, *manifests = build_controller(Installation(namespace=real_namespace))
    template = manifests[-1]["spec"]["template"]
    pod = {"metadata": {"name": "one", **template["metadata"]}, "spec": template["spec"]}
    real_cluster.api.post(f"/api/v1/namespaces/{real_namespace}/serviceaccounts", manifests[0]).expect()

    for manifest in manifests[1:]:
        path = collection(manifest, real_namespace)
        assert real_cluster.api.post(path, manifest, dryRun="All").expect(), manifest["kind"]
    real_cluster.api.post(f"/api/v1/namespaces/{real_namespace}/pods", pod, dryRun="All").expect()

    assert ("Namespace", restricted["labels"]) == (namespace["kind"], namespace["metadata"]["labels"])


def collection(manifest: dict[str, Any], namespace: str) -> str:
    version, plural = manifest["apiVersion"], manifest["kind"].lower() + "s"
    within = f"/namespaces/{namespace}" if "namespace" in manifest["metadata"] else ""
    return f"{prefix(version)}{within}/{plural}"


def create_task(cluster: ControlPlane, namespace: str) -> str:
    """The path of a new Task."""
    spec = {"prompt": "say hello", "type": "demo", "credentials": {"type": "none"}}
    task = {"apiVersion": TASK.api_version, "kind": TASK.kind, "metadata": {"name": "served"}, "spec": spec}
    cluster.api.post(TASK.path(namespace), task).expect()
    return TASK.path(namespace, "served")


def phase(cluster: ControlPlane, task: str) -> str | None:
    found: dict[str, Any] = cluster.api.get(task).expect()
    return found.get("status", {}).get("phase")


def listed(cluster: ControlPlane, path: str) -> list[dict[str, Any]]:
    return list(cluster.api.get(path).expect()["items"])


def holder(cluster: ControlPlane, namespace: str) -> str:
    """Who leads; empty when nobody does."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/kelos-controller-leader-election"
    answer = cluster.api.get(path)
    return str(answer.body["spec"].get("holderIdentity") or "") if answer.status == 200 else ""


def start(
    cluster: ControlPlane, *flags: str, kubeconfig: Path | None = None, part: str = "controller"
) -> subprocess.Popen[bytes]:
    where = ["--kubeconfig", str(kubeconfig or cluster.kubeconfig)]
    command = [sys.executable, "-P", "-m", "kelos", *where, "serve", part]
    return subprocess.Popen([*command, *flags], stderr=subprocess.PIPE)


def asked(port: int, path: str) -> httpx.Response:
    """What a kubelet or Prometheus is told."""
    return httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=PATIENCE_SECONDS)
