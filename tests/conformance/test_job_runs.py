"""Jobs as they run: pods, counts and conditions, from the first pod to the end."""

from collections.abc import Iterator
from typing import Any

import pytest

from realcluster.waiting import wait_for

from .servers import Server, stored

# Both planes understand these arguments: the local one runs a program, the played node does as it reads.
HANG = ["hang"]


def exits(code: int, message: str = "") -> list[str]:
    return ["exit", str(code), message]


def create_job(server: Server, args: list[str], template: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A job whose only pod does that; it is not tried again."""
    container = {"name": "main", "image": server.job_image, "args": args}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "one"},
        "spec": {"backoffLimit": 0, "template": {"spec": pod, **(template or {})}, **spec},
    }
    return stored(server.api.post(server.path("batch/v1", "jobs"), body))


def job_of(server: Server) -> dict[str, Any]:
    return dict(server.api.get(server.path("batch/v1", "jobs", "one")).expect())


def conditions(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["type"]: one for one in job["status"].get("conditions", []) if one["status"] == "True"}


def finished(server: Server) -> dict[str, Any]:
    """The job once it has ended one way or the other."""

    def look() -> dict[str, Any] | None:
        job = job_of(server)
        return job if conditions(job).keys() & {"Complete", "Failed"} else None

    return wait_for("the job to end", look)


def pods(server: Server) -> list[dict[str, Any]]:
    answer = server.api.get(server.path("v1", "pods"), labelSelector="batch.kubernetes.io/job-name=one")
    return list(answer.expect()["items"])


def running_pod(server: Server) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return next((one for one in pods(server) if one["status"]["phase"] == "Running"), None)

    return wait_for("a running pod", look)


def terminated(pod: dict[str, Any]) -> dict[str, Any]:
    return dict(pod["status"]["containerStatuses"][0]["state"]["terminated"])


@pytest.fixture(autouse=True)
def node(server: Server) -> Iterator[None]:
    """Whoever runs the pods of the server under test."""
    with server.run_pods():
        yield


def test_a_job_completes(server: Server) -> None:
    """Counted, dated and said in both conditions."""
    create_job(server, exits(0))

    job = finished(server)

    assert {"SuccessCriteriaMet", "Complete"} == conditions(job).keys()
    assert (1, 0, 0) == tuple(job["status"].get(count, 0) for count in ("succeeded", "failed", "active"))
    assert job["status"]["startTime"] <= job["status"]["completionTime"]


def test_a_pod_belongs_to_its_job(server: Server) -> None:
    """Found by labels, collected by its owner, named after the job."""
    created = create_job(server, exits(0))
    finished(server)

    (pod,) = pods(server)

    uid = created["metadata"]["uid"]
    metadata = pod["metadata"]
    assert metadata["name"].startswith("one-")
    assert {"batch.kubernetes.io/job-name": "one", "batch.kubernetes.io/controller-uid": uid}.items() <= metadata[
        "labels"
    ].items()
    assert [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": "one",
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ] == metadata["ownerReferences"]


def test_a_pod_says_how_it_ended(server: Server) -> None:
    """Phase, exit code and the message that the container left."""
    create_job(server, exits(3, '{"ok": false}'))
    finished(server)

    (pod,) = pods(server)

    assert "Failed" == pod["status"]["phase"]
    assert (3, "Error", '{"ok": false}') == tuple(terminated(pod)[field] for field in ("exitCode", "reason", "message"))


def test_a_pod_that_succeeded_says_so(server: Server) -> None:
    """Completed, 0, and nothing more."""
    create_job(server, exits(0))
    finished(server)

    (pod,) = pods(server)

    assert "Succeeded" == pod["status"]["phase"]
    assert (0, "Completed") == tuple(terminated(pod)[field] for field in ("exitCode", "reason"))


def test_a_job_fails_when_its_budget_is_spent(server: Server) -> None:
    """The reason that a controller translates."""
    create_job(server, exits(1))

    job = finished(server)

    assert {"FailureTarget", "Failed"} == conditions(job).keys()
    assert "BackoffLimitExceeded" == conditions(job)["Failed"]["reason"]
    assert (1, 0) == tuple(job["status"].get(count, 0) for count in ("failed", "succeeded"))
    assert "completionTime" not in job["status"]


def test_an_exit_code_may_end_the_job(server: Server) -> None:
    """Whatever budget is left: the runner's reserved codes are final."""
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}
    create_job(server, exits(42), backoffLimit=5, podFailurePolicy={"rules": [rule]})

    failed = conditions(finished(server))["Failed"]

    assert "PodFailurePolicy" == failed["reason"]
    assert "failed with exit code 42 matching FailJob rule at index 0" in failed["message"]
    assert 1 == len(pods(server))


def test_a_deadline_ends_the_job(server: Server) -> None:
    """And the pod with it."""
    create_job(server, HANG, activeDeadlineSeconds=1)

    failed = conditions(finished(server))["Failed"]

    assert "DeadlineExceeded" == failed["reason"]
    wait_for("the pod to go", lambda: pods(server) == [])


def test_a_running_job_counts_its_pod(server: Server) -> None:
    """Active and ready."""
    create_job(server, HANG)
    running_pod(server)

    def counted() -> bool:
        status = job_of(server)["status"]
        return bool(status.get("active") == 1 and "completionTime" not in status)

    wait_for("the pod to be counted", counted)


def test_a_suspended_job_stops_and_goes_on(server: Server) -> None:
    """Its pod goes, the job stays, and a new pod comes when it is resumed."""
    create_job(server, HANG)
    first = running_pod(server)
    path = server.path("batch/v1", "jobs", "one")

    server.api.patch(path, {"spec": {"suspend": True}}).expect()
    wait_for("the pod to go", lambda: pods(server) == [])
    wait_for("the condition", lambda: "Suspended" in conditions(job_of(server)))
    server.api.patch(path, {"spec": {"suspend": False}}).expect()
    second = running_pod(server)

    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    wait_for("the condition to go", lambda: "Suspended" not in conditions(job_of(server)))


def test_a_pod_carries_the_finalizers_of_its_template(server: Server) -> None:
    """So that nothing of it is lost before it was read; the job ends without waiting for it."""
    create_job(server, exits(0, "result"), {"metadata": {"finalizers": ["example.org/read"]}})
    finished(server)
    server.api.delete(server.path("batch/v1", "jobs", "one"), propagationPolicy="Background").expect()
    server.await_gone(server.path("batch/v1", "jobs", "one"))

    def held() -> dict[str, Any] | None:
        return next((one for one in pods(server) if "deletionTimestamp" in one["metadata"]), None)

    pod = wait_for("the pod to be deleted", held)
    assert (["example.org/read"], "result") == (pod["metadata"]["finalizers"], terminated(pod)["message"])

    path = server.path("v1", "pods", pod["metadata"]["name"])
    server.api.patch(path, {"metadata": {"finalizers": None}}).expect()
    server.await_gone(path)


def test_the_end_of_a_job_releases_its_pods(server: Server) -> None:
    """The tracking finalizer is the job controller's own and gone once the pod is counted."""
    create_job(server, exits(0))
    finished(server)

    assert [[]] == [pod["metadata"].get("finalizers", []) for pod in pods(server)]


def test_a_deleted_job_takes_a_running_pod_along(server: Server) -> None:
    """Nothing keeps running for nobody."""
    create_job(server, HANG)
    running_pod(server)

    server.api.delete(server.path("batch/v1", "jobs", "one"), propagationPolicy="Background").expect()

    wait_for("the pod to go", lambda: pods(server) == [])


def test_a_finished_job_goes_after_its_time(server: Server) -> None:
    """With its pods."""
    create_job(server, exits(0), ttlSecondsAfterFinished=0)

    server.await_gone(server.path("batch/v1", "jobs", "one"))

    wait_for("the pod to go", lambda: pods(server) == [])


def test_a_finished_job_stays_without_a_time(server: Server) -> None:
    """Who reads the result decides when it may go."""
    create_job(server, exits(0))

    assert finished(server)["metadata"]["uid"] == job_of(server)["metadata"]["uid"]
    assert 1 == len(pods(server))


def test_kubectl_shows_how_a_job_ended(server: Server) -> None:
    """Status and completions, the columns that people look at."""
    create_job(server, exits(0))
    finished(server)

    assert ["one", "Complete", "1/1"] == server.kubectl("get", "job", "one", "--no-headers").out.split()[:3]
    assert ["0/1", "Completed", "0"] == server.kubectl("get", "pods", "--no-headers").out.split()[1:4]
    assert 0 == server.kubectl("wait", "--for=condition=Complete", "job/one", "--timeout=10s").code
