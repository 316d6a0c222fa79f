"""Plays scheduler and kubelet over the API, as far as a pod's status goes; nothing runs, so there are no logs.

pod = node.await_pod(namespace, "job-name=build")      Pending
node.run(pod)                                          bound, init containers done, Running
node.finish(pod, exit_code=3, message="no such file")  Failed: the Job controller counts it
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .client import Api

Pod = Mapping[str, Any]
Status = dict[str, Any]


class FakeNode:
    """One node that does what the test says, when it says it."""

    def __init__(self, api: Api, name: str = "fake-node") -> None:
        self._api = api
        self.name = name

    def register(self) -> None:
        """Create the Node object, so that bound pods are not collected as orphans; a second call changes nothing."""
        self._api.post("/api/v1/nodes", {"metadata": {"name": self.name}}).expect(201, 409)

    def await_pod(self, namespace: str, selector: str) -> Pod:
        """The first pod with these labels that nobody has finished or is deleting."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        listed = self._api.get(path, labelSelector=selector).expect()
        for pod in listed["items"]:
            if _is_open(pod):
                return dict(pod)
        version = listed["metadata"]["resourceVersion"]
        with self._api.watch(path, labelSelector=selector, resourceVersion=version) as events:
            for event in events:
                if event["type"] in ("ADDED", "MODIFIED") and _is_open(event["object"]):
                    return dict(event["object"])
        raise AssertionError(f"no pod with {selector} appeared in {namespace}")

    def bind(self, pod: Pod) -> None:
        """Schedule the pod here; from now on its deletion waits for `remove`, as it would for a kubelet."""
        target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
        self._api.post(f"{_path(pod)}/binding", {"metadata": {"name": _name(pod)}, "target": target}).expect()

    def run(self, pod: Pod) -> Pod:
        """Bind the pod, end its ordinary init containers with 0 and run all others."""
        self.bind(pod)
        now = _now()
        running = {"running": {"startedAt": now}}
        ended = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
        spec = pod["spec"]
        inits = [
            _container(part, running if part.get("restartPolicy") == "Always" else ended)
            for part in spec.get("initContainers", ())
        ]
        containers = [_container(part, running) for part in spec["containers"]]
        return self.set_status(
            pod,
            {
                "phase": "Running",
                "startTime": now,
                "conditions": _conditions("True", ("PodScheduled", "Initialized", "ContainersReady", "Ready")),
                "initContainerStatuses": inits,
                "containerStatuses": containers,
            },
        )

    def finish(
        self, pod: Pod, *, exit_code: int = 0, message: str = "", reason: str = "", container: str | None = None
    ) -> Pod:
        """End `container` this way and every other one with 0; the pod succeeds when all did."""
        now = _now()
        chosen = container or pod["spec"]["containers"][0]["name"]

        def ended(part: Mapping[str, Any]) -> Status:
            code = exit_code if part["name"] == chosen else 0
            state = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": now, "finishedAt": now}
            if part["name"] == chosen:
                state |= {"message": message} if message else {}
                state |= {"reason": reason} if reason else {}
            return _container(part, {"terminated": state})

        spec = pod["spec"]
        status = {
            "phase": "Failed" if exit_code else "Succeeded",
            "conditions": _conditions("False", ("ContainersReady", "Ready"), "PodCompleted"),
            "initContainerStatuses": [ended(part) for part in spec.get("initContainers", ())],
            "containerStatuses": [ended(part) for part in spec["containers"]],
        }
        return self.set_status(pod, status)

    def wait_in(self, pod: Pod, reason: str, message: str = "", *, container: str | None = None) -> Pod:
        """Leave a container waiting, as `ImagePullBackOff` or `CreateContainerConfigError` do."""
        chosen = container or pod["spec"]["containers"][0]["name"]
        states = [
            _container(part, {"waiting": {"reason": reason, "message": message} if part["name"] == chosen else {}})
            for part in pod["spec"]["containers"]
        ]
        return self.set_status(pod, {"phase": "Pending", "containerStatuses": states})

    def evict(self, pod: Pod, message: str = "The node was low on resource: memory.") -> Pod:
        """Fail the pod as a kubelet under pressure does: a reason on the pod, a disruption condition, no exit code."""
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": message}
        return self.set_status(
            pod, {"phase": "Failed", "reason": "Evicted", "message": message, "conditions": [condition]}
        )

    def refuse(self, pod: Pod, message: str = "0/1 nodes are available: 1 Insufficient memory.") -> Pod:
        """Leave the pod unscheduled with the scheduler's words."""
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        return self.set_status(pod, {"phase": "Pending", "conditions": [condition]})

    def set_status(self, pod: Pod, status: Status) -> Pod:
        """Write fields of the pod's status; what is not named stays."""
        answer = self._api.patch(f"{_path(pod)}/status", {"status": status}, "merge-patch+json")
        return dict(answer.expect())

    def remove(self, pod: Pod) -> None:
        """Confirm that a deleted pod's containers are gone; the object goes once no finalizer is left."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        self._api.delete(_path(pod), options).expect(200, 404)


def _is_open(pod: Pod) -> bool:
    finished = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not finished and "deletionTimestamp" not in pod["metadata"]


def _container(part: Mapping[str, Any], state: Mapping[str, Any]) -> Status:
    is_running = "running" in state
    return {
        "name": part["name"],
        "image": part["image"],
        "imageID": "",
        "ready": is_running,
        "started": is_running,
        "restartCount": 0,
        "state": dict(state),
    }


def _conditions(status: str, kinds: Sequence[str], reason: str | None = None) -> list[Status]:
    words = {"reason": reason} if reason else {}
    return [{"type": kind, "status": status, "lastTransitionTime": _now(), **words} for kind in kinds]


def _name(pod: Pod) -> str:
    return str(pod["metadata"]["name"])


def _path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{_name(pod)}"


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
