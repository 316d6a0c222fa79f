"""What Tasks leave in their namespace."""

from __future__ import annotations

from kelos.api.names import FINALIZER_OUTCOME
from realcluster.waiting import wait_for

from .installation import Installation

KINDS = "jobs,pods,secrets,configmaps,leases,persistentvolumeclaims,serviceaccounts,services"
OF_EVERY_NAMESPACE = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
PATIENCE_SECONDS = 90.0


def left(place: Installation) -> list[str]:
    """Every object as Kind/name, a pod under the name of its Job; Tasks and what a namespace is born with apart."""
    names = []
    for item in place.list(KINDS):
        meta = item["metadata"]
        name = meta.get("labels", {}).get("job-name", meta["name"]) if item["kind"] == "Pod" else meta["name"]
        names.append(f"{item['kind']}/{name}")
    return sorted(name for name in names if name not in OF_EVERY_NAMESPACE)


def assert_left(place: Installation, *expected: str) -> None:
    """Soon nothing else is there; the pods that stay for their logs are over, and nothing holds them."""
    try:
        wait_for("what is left", lambda: left(place) == sorted(expected), PATIENCE_SECONDS)
    except TimeoutError:
        assert sorted(expected) == left(place)
    wait_for("every pod to be let go", lambda: not _held(place), PATIENCE_SECONDS)
    assert {pod["status"]["phase"] for pod in place.pods()} <= {"Succeeded", "Failed"}


def _held(place: Installation) -> list[str]:
    pods = place.pods()
    return [pod["metadata"]["name"] for pod in pods if FINALIZER_OUTCOME in pod["metadata"].get("finalizers", [])]
