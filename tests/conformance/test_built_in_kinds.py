"""The built-in kinds that a controller lives on: secrets, config maps, events, leases and their neighbours."""

import base64
from typing import Any

import pytest

from .servers import Server, causes, stored

LEASES = "coordination.k8s.io/v1"


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}, **fields}


def job(**spec: Any) -> dict[str, Any]:
    """A suspended job: it makes no pod on either server."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.invalid/none"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "one"},
        "spec": {"suspend": True, "template": {"spec": pod}, **spec},
    }


def event(server: Server, **fields: Any) -> dict[str, Any]:
    involved = {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "namespace": server.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "one."},
        "involvedObject": involved,
        "reason": "Made",
        "message": "It was made",
        "type": "Normal",
        **fields,
    }


def test_a_secret_takes_plain_text(server: Server) -> None:
    """`stringData` becomes base64 in `data` and is never shown again."""
    created = stored(server.api.post(server.path("v1", "secrets"), secret(stringData={"token": "grüße"})))

    assert {"token": base64.b64encode("grüße".encode()).decode()} == created["data"]
    assert ("Opaque", False) == (created["type"], "stringData" in created)


def test_plain_text_wins_over_encoded(server: Server) -> None:
    """Both may name a key; other keys stay."""
    body = secret(data={"a": "b2xk", "b": "a2VlcA=="}, stringData={"a": "new"})

    created = stored(server.api.post(server.path("v1", "secrets"), body))

    assert {"a": base64.b64encode(b"new").decode(), "b": "a2VlcA=="} == created["data"]


def test_a_secret_must_be_base64(server: Server) -> None:
    """Found when it is written, not when it is mounted."""
    assert 400 == server.api.post(server.path("v1", "secrets"), secret(data={"a": "no base64!"})).status


def test_a_secret_may_be_patched_with_plain_text(server: Server) -> None:
    """How tokens are renewed."""
    server.api.post(server.path("v1", "secrets"), secret(stringData={"a": "old", "b": "keep"})).expect()

    after = stored(server.api.patch(server.path("v1", "secrets", "one"), {"stringData": {"a": "new"}}))

    assert {"a": "bmV3", "b": base64.b64encode(b"keep").decode()} == after["data"]


@pytest.mark.parametrize("plural", ["secrets", "configmaps"])
def test_what_is_immutable_stays(server: Server, plural: str) -> None:
    """The flag cannot be taken back; only deletion helps."""
    path = server.path("v1", plural)
    server.api.post(path, {"metadata": {"name": "one"}, "data": {"a": "YQ=="}, "immutable": True}).expect()

    for patch in ({"data": {"a": "Yg=="}}, {"immutable": False}):
        assert 422 == server.api.patch(f"{path}/one", patch).status


@pytest.mark.parametrize("key", ["has space", "a/b", "..", "x" * 254])
def test_a_key_becomes_a_file_name(server: Server, key: str) -> None:
    """So it must be one."""
    body = {"metadata": {"name": "one"}, "data": {key: "x"}}

    answer = server.api.post(server.config_maps(), body)

    assert (422, f"data[{key}]") == (answer.status, next(iter(causes(answer)))[0])


def test_a_config_map_keeps_bytes_apart(server: Server) -> None:
    """Text in `data`, everything else in `binaryData`."""
    body = {"metadata": {"name": "one"}, "data": {"a": "text"}, "binaryData": {"b": "AAH/"}}

    created = stored(server.api.post(server.config_maps(), body))

    assert ({"a": "text"}, {"b": "AAH/"}) == (created["data"], created["binaryData"])


def test_built_in_kinds_without_a_spec_have_no_generation(server: Server) -> None:
    """There is nothing to observe."""
    assert "generation" not in server.create_config_map()["metadata"]


def test_an_event_is_recorded(server: Server) -> None:
    """As it was said, under a generated name."""
    created = stored(server.api.post(server.path("v1", "events"), event(server, count=1)))

    assert ("Made", "It was made", "Normal", 1) == tuple(
        created[field] for field in ("reason", "message", "type", "count")
    )
    assert created["metadata"]["name"].startswith("one.")


def test_an_event_stays_in_the_namespace_of_its_object(server: Server) -> None:
    """An event about an object elsewhere is refused."""
    body = event(server)
    body["involvedObject"] = {**body["involvedObject"], "namespace": "elsewhere"}

    assert 422 == server.api.post(server.path("v1", "events"), body).status


def test_a_repeated_event_is_counted_by_patch(server: Server) -> None:
    """How recorders keep a storm small."""
    created = stored(server.api.post(server.path("v1", "events"), event(server, count=1)))
    path = server.path("v1", "events", created["metadata"]["name"])

    assert 2 == stored(server.api.patch(path, {"count": 2}))["count"]


def test_a_lease_keeps_its_microseconds(server: Server) -> None:
    """Leaders compare what they wrote."""
    spec = {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-01-02T03:04:05.123456Z",
        "acquireTime": "2026-01-02T03:04:05.000000Z",
        "leaseTransitions": 1,
    }

    created = stored(server.api.post(server.path(LEASES, "leases"), {"metadata": {"name": "one"}, "spec": spec}))

    assert spec == created["spec"]


def test_a_lease_is_taken_by_one(server: Server) -> None:
    """Of two that saw the same version, the second loses."""
    path = server.path(LEASES, "leases")
    seen = stored(server.api.post(path, {"metadata": {"name": "one"}, "spec": {"holderIdentity": "nobody"}}))

    answers = [
        server.api.put(f"{path}/one", {**seen, "spec": {"holderIdentity": who}}).status for who in ("first", "second")
    ]

    assert [200, 409] == answers
    assert "first" == server.api.get(f"{path}/one").expect()["spec"]["holderIdentity"]


def test_a_lease_lasts_longer_than_nothing(server: Server) -> None:
    """A duration of zero would never be held."""
    body = {"metadata": {"name": "one"}, "spec": {"leaseDurationSeconds": 0}}

    assert 422 == server.api.post(server.path(LEASES, "leases"), body).status


def test_a_namespace_has_an_account(server: Server) -> None:
    """Pods run as `default` when they name nobody."""
    assert 200 == server.api.get(server.path("v1", "serviceaccounts", "default")).status


def test_a_namespace_is_labelled_with_its_name(server: Server) -> None:
    """Selectors of namespaces rely on it."""
    namespace = server.api.get(f"/api/v1/namespaces/{server.namespace}").expect()

    assert server.namespace == namespace["metadata"]["labels"]["kubernetes.io/metadata.name"]
    assert "Active" == namespace["status"]["phase"]


@pytest.mark.parametrize(
    ("version", "plural", "spec"),
    [
        (
            "v1",
            "persistentvolumeclaims",
            {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        ),
        (
            "apps/v1",
            "deployments",
            {
                "replicas": 0,
                "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "main", "image": "x"}]},
                },
            },
        ),
        ("batch/v1", "cronjobs", {"schedule": "0 0 * * *", "suspend": True, "jobTemplate": {"spec": job()["spec"]}}),
    ],
)
def test_neighbouring_kinds_are_stored(server: Server, version: str, plural: str, spec: dict[str, Any]) -> None:
    """Whether or not anything runs them here."""
    created = stored(server.api.post(server.path(version, plural), {"metadata": {"name": "one"}, "spec": spec}))

    assert created["metadata"]["uid"] == server.api.get(server.path(version, plural, "one")).expect()["metadata"]["uid"]


def test_a_pod_that_is_not_there_has_no_log(server: Server) -> None:
    """404 with the pod's name."""
    answer = server.api.get(server.path("v1", "pods", "nobody", "log"))

    assert (404, 'pods "nobody" not found') == (answer.status, answer.body["message"])
