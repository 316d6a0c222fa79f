"""A Dedicated TaskSpawner on a real API server: what its controller may make, and what its process may do."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration.cli.test_serve import PATIENCE_SECONDS, asked, collection, start
from kelos.api.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    POD,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    TASK,
    TASK_SPAWNER,
    Kind,
)
from kelos.install.controller import NAME, Installation, build_controller
from realcluster.client import connect
from realcluster.control_plane import ControlPlane, free_ports
from realcluster.waiting import wait_for

OBJECT = "kelos-spawner-nightly"
RIGHTS = (SERVICE_ACCOUNT, ROLE, ROLE_BINDING)
RESTRICTED = {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
CRON = {"cron": {"schedule": "0 0 1 1 *"}}
"""No tick while a test runs."""
POLLS = {"jira": {"baseUrl": "http://127.0.0.1:9", "project": "SHOP", "secretRef": {"name": "jira"}}}


@pytest.mark.cluster
def test_objects_come_and_go_with_the_isolation(
    real_cluster: ControlPlane, real_namespace: str, tmp_path: Path
) -> None:
    """Made by a controller with its own rights alone, owned, and admitted under Pod Security "restricted"."""
    cluster, namespace = real_cluster, real_namespace
    cluster.api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": RESTRICTED}, "merge-patch+json").expect()
    with controller(cluster, namespace, tmp_path):
        made = spawner(cluster, namespace, when=POLLS)
        status = wait_for("its Deployment", lambda: hosted(cluster, namespace, "DeploymentApplied"))
        deployment = get(cluster, DEPLOYMENT, namespace)
        pod = {"metadata": {"name": "one"}, "spec": deployment["spec"]["template"]["spec"]}
        admitted = cluster.api.post(POD.path(namespace), pod, dryRun="All")
        owners = {each["metadata"]["ownerReferences"][0]["uid"] for each in owned(cluster, namespace, DEPLOYMENT)}

        change(cluster, namespace, when={"jira": None, **CRON})
        turned = wait_for("its CronJob", lambda: hosted(cluster, namespace, "CronJobApplied"))
        template = get(cluster, CRON_JOB, namespace)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        one_shot = cluster.api.post(POD.path(namespace), {"metadata": {"name": "one"}, "spec": template}, dryRun="All")
        left = cluster.api.get(DEPLOYMENT.path(namespace, OBJECT)).status

        change(cluster, namespace, isolation="Shared")
        wait_for("the end of it", lambda: "Hosted" not in json.dumps(read(cluster, namespace)))
        gone = [cluster.api.get(kind.path(namespace, OBJECT)).status for kind in (*RIGHTS, DEPLOYMENT, CRON_JOB)]

    assert ([201, 201], 404, [404] * 5) == ([admitted.status, one_shot.status], left, gone)
    assert ({made["metadata"]["uid"]}, OBJECT) == (owners, status["deploymentName"])
    assert (OBJECT, False) == (turned["cronJobName"], "deploymentName" in turned)


@pytest.mark.cluster
@pytest.mark.parametrize("is_once", [True, False])
def test_a_process_works_with_exactly_its_rights(
    real_cluster: ControlPlane, real_namespace: str, tmp_path: Path, is_once: bool
) -> None:
    """A tick becomes a Task that runs; Secrets and the work of others are out of reach."""
    cluster, namespace = real_cluster, real_namespace
    with controller(cluster, namespace, tmp_path):
        spawner(cluster, namespace, when=CRON, suspend=True)
        wait_for("its CronJob", lambda: hosted(cluster, namespace, "CronJobApplied"))
        missed_a_tick(cluster, namespace)
        change(cluster, namespace, suspend=False)
        wait_for("it to be handed over", lambda: read(cluster, namespace).get("phase") == "Running")
        identity = kubeconfig_of(cluster, namespace, OBJECT, tmp_path / "own")
        template = get(cluster, CRON_JOB, namespace)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        serve, part, *flags = template["containers"][0]["args"]
        if not is_once:
            (port,) = free_ports(1)
            flags[flags.index("--one-shot")] = f"--health-port={port}"
        process = start(cluster, *flags, kubeconfig=identity, part=part)
        try:
            tasks = wait_for("a Task of its own", lambda: released(cluster, namespace))
            wait_for("its word", lambda: said_by_itself(cluster, namespace))
            if not is_once:
                ready = asked(port, "readyz").status_code
                numbers = asked(port, "metrics").text
                assert (200, True) == (ready, "kelos_spawner_tasks_created_total 1.0" in numbers)
                process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()

    api = connect(identity)
    assert (0, b"") == (process.returncode, b"".join(line for line in log.splitlines() if b"orbidden" in line))
    assert ("serve", 1) == (serve, len(tasks))
    status = read(cluster, namespace)
    assert (1, OBJECT) == (status["totalTasksCreated"], status["cronJobName"])
    refused = [
        api.get(SECRET.path(namespace)).status,
        api.get(SECRET.path(namespace, "any")).status,
        api.get(TASK.path("default")).status,
        api.get(TASK_SPAWNER.path(namespace)).status,
        api.patch(TASK_SPAWNER.path(namespace, "nightly"), {"spec": {"suspend": True}}, "merge-patch+json").status,
        api.post(POD.path(namespace), {"metadata": {"name": "one"}}).status,
    ]
    assert [403] * 6 == refused


@pytest.mark.cluster
def test_a_run_that_fails_says_so(real_cluster: ControlPlane, real_namespace: str) -> None:
    """Its Job counts on the exit code."""
    process = start(real_cluster, "-n", real_namespace, "--name=nobody", "--one-shot", part="spawner")
    _, log = process.communicate(timeout=PATIENCE_SECONDS)

    assert 1 == process.returncode
    assert f"TaskSpawner 'nobody' does not exist in namespace '{real_namespace}'".encode() in log


@pytest.mark.cluster
def test_without_the_rights_it_is_said_what_is_missing(
    real_cluster: ControlPlane, real_namespace: str, tmp_path: Path
) -> None:
    """And it is not looked after with less isolation than it asked for."""
    with controller(real_cluster, real_namespace, tmp_path, hosts_spawners=False):
        spawner(real_cluster, real_namespace, when=CRON)
        status = wait_for("its status", lambda: hosted(real_cluster, real_namespace, "NotAllowed"))

    assert "Failed" == status["phase"]
    assert "--dedicated-spawners" in status["message"]


@contextmanager
def controller(cluster: ControlPlane, namespace: str, folder: Path, *, hosts_spawners: bool = True) -> Iterator[None]:
    """As it is installed for one namespace, in another one."""
    home = cluster.create_namespace()
    wanted = Installation(namespace=home, serves=(namespace,), hosts_spawners=hosts_spawners)
    _, *manifests, deployment = build_controller(wanted)
    for manifest in manifests:
        cluster.api.post(collection(manifest, manifest["metadata"]["namespace"]), manifest).expect()
    identity = kubeconfig_of(cluster, home, NAME, folder / "controller")
    flags = deployment["spec"]["template"]["spec"]["containers"][0]["args"][2:]
    running = start(cluster, *(flag for flag in flags if "health-port" not in flag), kubeconfig=identity)
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()


def kubeconfig_of(cluster: ControlPlane, namespace: str, account: str, file: Path) -> Path:
    """What a pod of that ServiceAccount would be."""
    path = SERVICE_ACCOUNT.path(namespace, account, "token")
    token = cluster.api.post(path, {"spec": {}}).expect()["status"]["token"]
    kubeconfig = json.loads(cluster.kubeconfig.read_text())
    kubeconfig["users"] = [{"name": "admin", "user": {"token": token}}]
    file.write_text(json.dumps(kubeconfig))
    return file


def spawner(cluster: ControlPlane, namespace: str, **spec: Any) -> dict[str, Any]:
    template = {"type": "demo", "credentials": {"type": "none"}, "promptTemplate": "say {{.Time}}"}
    manifest = {
        "apiVersion": TASK_SPAWNER.api_version,
        "kind": TASK_SPAWNER.kind,
        "metadata": {"name": "nightly"},
        "spec": {"isolation": "Dedicated", "taskTemplate": template, **spec},
    }
    return dict(cluster.api.post(TASK_SPAWNER.path(namespace), manifest).expect())


def change(cluster: ControlPlane, namespace: str, **spec: Any) -> None:
    path = TASK_SPAWNER.path(namespace, "nightly")
    cluster.api.patch(path, {"spec": spec}, "merge-patch+json").expect()


def missed_a_tick(cluster: ControlPlane, namespace: str) -> None:
    """Nobody waits for the next one: the ledger says that the last one is of long ago."""
    (head,) = [
        each
        for each in cluster.api.get(CONFIG_MAP.path(namespace)).expect()["items"]
        if each["metadata"]["name"].startswith("kelos-ledger-")
    ]
    state = {**json.loads(head["data"]["state"]), "watermark": "20200101-0000"}
    body = {"data": {"state": json.dumps(state)}}
    cluster.api.patch(CONFIG_MAP.path(namespace, head["metadata"]["name"]), body, "merge-patch+json").expect()


def get(cluster: ControlPlane, kind: Kind, namespace: str) -> dict[str, Any]:
    return dict(cluster.api.get(kind.path(namespace, OBJECT)).expect())


def owned(cluster: ControlPlane, namespace: str, workload: Kind) -> list[dict[str, Any]]:
    return [get(cluster, kind, namespace) for kind in (*RIGHTS, workload)]


def read(cluster: ControlPlane, namespace: str) -> dict[str, Any]:
    return dict(cluster.api.get(TASK_SPAWNER.path(namespace, "nightly")).expect().get("status") or {})


def hosted(cluster: ControlPlane, namespace: str, reason: str) -> dict[str, Any] | None:
    status = read(cluster, namespace)
    reasons = [each["reason"] for each in status.get("conditions", ()) if each["type"] == "Hosted"]
    return status if [reason] == reasons else None


def said_by_itself(cluster: ControlPlane, namespace: str) -> bool:
    ready = [each["status"] for each in read(cluster, namespace).get("conditions", ()) if each["type"] == "Ready"]
    return ["True"] == ready


def released(cluster: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    """Tasks that the ledger knows."""
    found = cluster.api.get(TASK.path(namespace)).expect()["items"]
    return [each for each in found if "kelos.dev/spawned" not in each["metadata"].get("finalizers", ())]
