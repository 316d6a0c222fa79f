"""`kelos serve controller` as an operator runs it: against a real API server, until SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from realcluster.control_plane import ControlPlane
from realcluster.waiting import wait_for


@pytest.mark.cluster
def test_the_controller_serves_tasks_until_it_is_told_to_stop(real_cluster: ControlPlane, real_namespace: str) -> None:
    """A Task gets its Job, and a stop is clean."""
    flags = ["--kubeconfig", str(real_cluster.kubeconfig), "serve", "controller", "--watch-namespace", real_namespace]
    controller = subprocess.Popen([sys.executable, "-P", "-m", "kelos", *flags], stderr=subprocess.PIPE)
    try:
        tasks = f"/apis/kelos.dev/v1alpha2/namespaces/{real_namespace}/tasks"
        spec = {"prompt": "say hello", "type": "demo", "credentials": {"type": "none"}}
        task = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "served"}, "spec": spec}
        real_cluster.api.post(tasks, task).expect()

        job = wait_for(
            "the Task's Job",
            lambda: real_cluster.api.get(tasks + "/served").expect().get("status", {}).get("jobName"),
        )
    finally:
        controller.send_signal(signal.SIGTERM)
        _, said = controller.communicate(timeout=20)

    assert ("served", 0) == (job, controller.returncode)
    assert b"Controller stopped" in said
