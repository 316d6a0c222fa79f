"""kubectl against the local plane, beyond the conformance suite: logs, pods, reviews, hidden columns."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from realcluster.client import Api

from .served import Served, widget

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"nodeName": "here", "containers": [{"name": "main", "image": "i"}]},
}


@pytest.fixture
def run(served: Served, kubectl: Path, namespace: str) -> Any:
    """Run kubectl in a namespace of its own and return what it printed."""
    home = str(served.kubeconfig.parent)
    environment = {
        "PATH": os.defpath,
        "HOME": home,
        "KUBECONFIG": str(served.kubeconfig),
        "KUBECACHEDIR": f"{home}/cache",
    }

    def run(*words: str, stdin: Any = None, code: int = 0) -> str:
        done = subprocess.run(
            [str(kubectl), "--namespace", namespace, *words],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )
        assert code == done.returncode, done.stderr
        return done.stdout + done.stderr

    return run


def test_logs_are_followed(run: Any, served: Served) -> None:
    """Until the container ends."""
    run("create", "-f", "-", stdin=POD)
    served.logs.goes_on.set()

    assert "one\ntwo\nthree\n" == run("logs", "-f", "p")


def test_a_pod_that_its_node_lets_go_is_deleted(run: Any, api: Api, namespace: str) -> None:
    """`delete` waits for the node; with grace 0 it does not."""
    run("create", "-f", "-", stdin=POD)
    run("delete", "pod", "p", "--wait=false")
    waiting = run("get", "pod", "p", "--no-headers")
    api.delete(f"/api/v1/namespaces/{namespace}/pods/p", {"gracePeriodSeconds": 0}).expect()

    assert "Terminating" in waiting
    assert "NotFound" in run("get", "pod", "p", code=1)


def test_pods_are_printed_with_their_state(run: Any, api: Api, namespace: str) -> None:
    """Ready, state, restarts: what people look at first."""
    run("create", "-f", "-", stdin=POD)
    status = {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "main",
                "ready": False,
                "restartCount": 2,
                "image": "i",
                "imageID": "",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            }
        ],
    }
    api.patch(f"/api/v1/namespaces/{namespace}/pods/p/status", {"status": status}).expect()

    header, row = run("get", "pods").splitlines()

    assert ["NAME", "READY", "STATUS", "RESTARTS", "AGE"] == header.split()
    assert ["p", "0/1", "CrashLoopBackOff", "2"] == row.split()[:4]


def test_hidden_columns_come_with_wide(run: Any) -> None:
    """Priority 0 always, the others on request."""
    run("create", "-f", "-", stdin=widget("w", size=7))

    assert ["NAME", "SIZE"] == run("get", "wg").splitlines()[0].split()
    assert ["NAME", "SIZE", "PHASE"] == run("get", "wg", "-o", "wide").splitlines()[0].split()


def test_fields_are_explained(run: Any) -> None:
    """From the definition's own descriptions, and for built-in kinds from the table of fields."""
    assert "How large it is." in run("explain", "widget.spec.size")
    assert "restartPolicy" in run("explain", "job.spec.template.spec")


def test_one_may_do_everything(run: Any) -> None:
    """Scripts ask before they act."""
    assert "yes" in run("auth", "can-i", "create", "widgets.example.com")


def test_server_side_apply_takes_over_from_client_side(run: Any) -> None:
    """A team that switches keeps its objects; what it then no longer says is removed."""
    run("apply", "-f", "-", stdin=widget("w", size=1, colour="red"))
    run("apply", "--server-side", "-f", "-", stdin=widget("w", size=1, colour="red"))
    run("apply", "--server-side", "-f", "-", stdin=widget("w", size=2))

    assert {"size": 2} == json.loads(run("get", "wg", "w", "-o", "json"))["spec"]
