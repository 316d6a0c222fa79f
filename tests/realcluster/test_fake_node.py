"""The played kubelet: everything it can do to a pod is believed by the real server and the real Job controller."""

from typing import Any

import pytest

from realcluster.control_plane import ControlPlane
from realcluster.fake_node import FakeNode
from realcluster.waiting import wait_for

pytestmark = pytest.mark.cluster


class World:
    """One namespace with one Job, and its first pod."""

    def __init__(self, cluster: ControlPlane, namespace: str, node: FakeNode) -> None:
        self.api, self.namespace, self.node = cluster.api, namespace, node
        self.jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"

    def start(self, pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
        """Create the Job and return its pod."""
        container = {"name": "main", "image": "example.invalid/none"}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}, **(pod or {})}
        self.api.post(self.jobs, {"metadata": {"name": "build"}, "spec": {"template": template, **spec}}).expect()
        return dict(self.node.await_pod(self.namespace, "batch.kubernetes.io/job-name=build"))

    def job(self) -> dict[str, Any]:
        return dict(self.api.get(f"{self.jobs}/build").expect())

    def end(self) -> str:
        """How the Job ended."""

        def look() -> str:
            conditions = self.job()["status"].get("conditions", [])
            return next((one["type"] for one in conditions if one["type"] in ("Complete", "Failed")), "")

        return wait_for("the Job to end", look)

    def pod(self, pod: dict[str, Any]) -> dict[str, Any]:
        name = pod["metadata"]["name"]
        return dict(self.api.get(f"/api/v1/namespaces/{self.namespace}/pods/{name}").expect())


@pytest.fixture
def world(real_cluster: ControlPlane, real_namespace: str, fake_node: FakeNode) -> World:
    return World(real_cluster, real_namespace, fake_node)


def test_a_finished_pod_completes_its_job(world: World) -> None:
    """The message of the container is in the pod's status, where the controller looks."""
    pod = world.start()
    world.node.run(pod)
    done = world.node.finish(pod, message='{"ok": true}')

    assert "Complete" == world.end()
    assert '{"ok": true}' == done["status"]["containerStatuses"][0]["state"]["terminated"]["message"]


def test_an_exit_code_reaches_the_failure_policy(world: World) -> None:
    """The reserved codes of a runner end the Job at once, whatever its budget."""
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}
    pod = world.start(backoffLimit=5, podFailurePolicy={"rules": [rule]})
    world.node.run(pod)
    world.node.finish(pod, exit_code=42)

    assert "Failed" == world.end()


def test_an_eviction_is_a_disruption(world: World) -> None:
    """The policy can ignore it: a new pod comes, and the budget is untouched."""
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    pod = world.start(backoffLimit=0, podFailurePolicy={"rules": [rule]})
    world.node.run(pod)
    world.node.evict(pod)

    second = world.node.await_pod(world.namespace, "batch.kubernetes.io/job-name=build")
    world.node.run(second)
    world.node.finish(second)

    assert "Complete" == world.end()
    assert pod["metadata"]["uid"] != second["metadata"]["uid"]


def test_a_deleted_pod_waits_for_the_kubelet(world: World) -> None:
    """A bound pod stays, marked, until its containers are gone; suspension deletes pods this way."""
    pod = world.start()
    world.node.run(pod)
    world.api.patch(f"{world.jobs}/build", {"spec": {"suspend": True}}).expect()
    wait_for("the pod to be deleted", lambda: "deletionTimestamp" in world.pod(pod)["metadata"])

    world.node.finish(pod, exit_code=143)
    world.node.remove(pod)

    path = f"/api/v1/namespaces/{world.namespace}/pods/{pod['metadata']['name']}"
    wait_for("the pod to go", lambda: world.api.get(path).status == 404)


def test_pods_that_do_not_start_say_why(world: World) -> None:
    """The two ways to be stuck: no node takes it, or no image comes."""
    pod = world.start()

    refused = world.node.refuse(pod)
    waiting = world.node.wait_in(pod, "ImagePullBackOff", "Back-off pulling image")

    assert "Unschedulable" == refused["status"]["conditions"][-1]["reason"]
    assert "ImagePullBackOff" == waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
