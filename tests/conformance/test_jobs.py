"""Jobs as the server stores them: defaults, what is refused, what is fixed and how they are deleted."""

from typing import Any

import pytest

from .servers import Server, causes, owned_by, stored


def job(**spec: Any) -> dict[str, Any]:
    """A suspended job: it makes no pod on either server."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.invalid/none"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "one"},
        "spec": {"suspend": True, "template": {"spec": pod}, **spec},
    }


def create_job(server: Server, **spec: Any) -> dict[str, Any]:
    return stored(server.api.post(server.path("batch/v1", "jobs"), job(**spec)))


def test_a_job_shows_its_defaults(server: Server) -> None:
    """What the controller compares its own Job with."""
    spec = create_job(server)["spec"]

    expected = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": True,
        "podReplacementPolicy": "TerminatingOrFailed",
    }
    assert expected == {field: spec.get(field) for field in expected}


def test_a_jobs_pods_are_found_by_labels(server: Server) -> None:
    """Selector and template agree on the job's uid, and the name is there for people."""
    created = create_job(server)

    uid = created["metadata"]["uid"]
    labels = created["spec"]["template"]["metadata"]["labels"]
    assert {"batch.kubernetes.io/controller-uid": uid} == created["spec"]["selector"]["matchLabels"]
    assert {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "one",
        "controller-uid": uid,
        "job-name": "one",
    } == labels


def test_a_jobs_pods_show_their_defaults(server: Server) -> None:
    """The pod template is completed when the job is stored."""
    pod = create_job(server)["spec"]["template"]["spec"]

    assert {
        "restartPolicy": "Never",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
    }.items() <= pod.items()
    (container,) = pod["containers"]
    assert {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }.items() <= container.items()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"template": {"spec": {"containers": [{"name": "m", "image": "x"}]}}}, "spec.template.spec.restartPolicy"),
        ({"template": {"spec": {"restartPolicy": "Never", "containers": []}}}, "spec.template.spec.containers"),
        ({"template": {"spec": {"restartPolicy": "Never"}}}, "spec.template.spec.containers"),
        (
            {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "M", "image": "x"}]}}},
            "spec.template.spec.containers[0].name",
        ),
        ({"backoffLimit": -1}, "spec.backoffLimit"),
    ],
)
def test_a_broken_job_is_refused(server: Server, spec: dict[str, Any], field: str) -> None:
    """Also in a dry run, which is how a pod template of a user's is checked before anything starts."""
    answer = server.api.post(server.path("batch/v1", "jobs"), job(**spec), dryRun="All")

    assert (422, "Invalid") == (answer.status, answer.reason)
    assert field in {place for place, _ in causes(answer)}


def test_a_jobs_template_is_fixed(server: Server) -> None:
    """Another pod is another job."""
    created = create_job(server, suspend=False, parallelism=0)
    path = server.path("batch/v1", "jobs", "one")
    container = {"name": "main", "image": "example.invalid/other"}

    answer = server.api.patch(path, {"spec": {"template": {"spec": {"containers": [container]}}}})

    assert (422, {("spec.template", "FieldValueInvalid")}) == (answer.status, causes(answer))
    assert created["spec"]["template"] == server.api.get(path).expect()["spec"]["template"]


def test_a_job_can_be_suspended(server: Server) -> None:
    """The way to stop it and keep it."""
    create_job(server, suspend=False, parallelism=0)

    assert stored(server.api.patch(server.path("batch/v1", "jobs", "one"), {"spec": {"suspend": True}}))["spec"][
        "suspend"
    ]


def test_a_plainly_deleted_job_leaves_its_pods(server: Server) -> None:
    """For jobs, and only for them, no policy means orphan: whoever deletes one must say what becomes of its pods."""
    owner = create_job(server)
    server.create_config_map("child", ownerReferences=owned_by(owner))

    server.api.delete(server.path("batch/v1", "jobs", "one")).expect()
    server.await_gone(server.path("batch/v1", "jobs", "one"))

    assert "ownerReferences" not in server.api.get(server.config_maps("child")).expect()["metadata"]


def test_a_deleted_job_takes_its_pods_when_told(server: Server) -> None:
    """Background, as kubectl asks for."""
    owner = create_job(server)
    server.create_config_map("child", ownerReferences=owned_by(owner))

    server.api.delete(server.path("batch/v1", "jobs", "one"), propagationPolicy="Background").expect()

    server.await_gone(server.config_maps("child"))
