"""The HTTP door: who may come in, what is understood, and that nothing sent to it breaks it."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realcluster.client import Api

from .served import WIDGET_DEFINITION, WIDGETS, Served, widget

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PROTOBUF = "application/vnd.kubernetes.protobuf"

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "j-", "labels": {"a": "b"}, "finalizers": ["example.com/x"]},
    "spec": {
        "backoffLimit": 1,
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "restartPolicy": "Never",
                "containers": [
                    {
                        "name": "main",
                        "image": "i",
                        "args": ["a"],
                        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                        "resources": {"limits": {"cpu": "1"}},
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    }
                ],
                "volumes": [{"name": "v", "emptyDir": {}}],
            },
        },
    },
}


@pytest.mark.parametrize("path", ["/api", "/apis", "/openapi/v3", "/api/v1/namespaces", "/nothing"])
@pytest.mark.parametrize("credentials", ["", "Bearer wrong", "Basic s3cret", "s3cret"])
def test_nothing_is_told_without_the_token(api: Api, path: str, credentials: str) -> None:
    """Any process of this machine can reach the port."""
    answer = api.request("GET", path, headers={"Authorization": credentials})

    assert (401, "Unauthorized") == (answer.status, answer.reason)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez", "/version"])
def test_that_it_lives_is_told_to_everybody(api: Api, path: str) -> None:
    """Scripts wait for it before they have the token."""
    assert 200 == api.request("GET", path, headers={"Authorization": ""}).status


def test_it_listens_on_loopback_only(served: Served) -> None:
    """A laptop in a café is not a cluster for everybody."""
    assert "127.0.0.1" == urlsplit(served.url).hostname


def test_plain_http_gets_nothing(served: Served) -> None:
    """kubectl sends no token without TLS, and nobody else should."""
    url = urlsplit(served.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")

        assert not connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_protobuf_is_not_spoken(api: Api) -> None:
    """Clients that prefer it fall back to JSON when JSON is on their list, and are told when it is not."""
    both = api.request("GET", PODS, headers={"Accept": f"{PROTOBUF},application/json"})
    only = api.request("GET", PODS, headers={"Accept": PROTOBUF})
    sent = api.request("POST", PODS, b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod", headers={"Content-Type": PROTOBUF})

    assert [200, 406, 415] == [both.status, only.status, sent.status]


SECRET = b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"k8s", 415),
        (b"k8s\0\x0a", 400),
        (b"k8s\0\x0a\x7f", 400),
        (b"k8s\0" + b"\xff" * 99, 400),
        (SECRET + b"\x12\x02\x0a\x7f", 400),
        (SECRET + b"\x12\x02\x08\x01", 400),
        (SECRET + b"\x12\x05\x0a\x03\x0a\x01\xff", 400),
        (SECRET + b"\x12\x05\x0a\x03\x0a\x01s", 201),
    ],
)
def test_protobuf_of_simple_kinds_is_read_with_care(api: Api, body: bytes, status: int) -> None:
    """`kubectl create secret` speaks nothing else; what is broken is refused with a sentence."""
    secrets = PODS.replace("/pods", "/secrets")

    assert status == api.request("POST", secrets, body, headers={"Content-Type": PROTOBUF}).status


def test_a_body_has_a_limit(api: Api) -> None:
    """As every API server has one."""
    assert 413 == api.post(PODS, {"data": "x" * (3 * 1024 * 1024)}).status


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"NaN", b'{"metadata": {"name": NaN}}', b"\xff\xfe", b"[" * 9999]
)
def test_what_is_no_object_is_a_bad_request(api: Api, body: bytes) -> None:
    """With a sentence, not a broken connection."""
    assert (400, "BadRequest") == ((answer := api.request("POST", PODS, body)).status, answer.reason)


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]", "a: !!python/object/apply:os.system ['true']", "? {a: b}\n: c", "- 1", "a: .nan", "\t"],
)
def test_hostile_yaml_is_a_bad_request(api: Api, text: str) -> None:
    """YAML can say more than JSON; none of it is believed."""
    answer = api.request("POST", PODS, text.encode(), headers={"Content-Type": "application/yaml"})

    assert (400, "BadRequest") == (answer.status, answer.reason)


def test_a_date_in_yaml_stays_a_text(api: Api, namespace: str) -> None:
    """Only the schema says what is a date."""
    body = b"metadata: {name: d, annotations: {on: 2026-01-01}}\ndata: {day: 2026-01-01}"
    path = f"/api/v1/namespaces/{namespace}/configmaps"

    answer = api.request("POST", path, body, headers={"Content-Type": "application/yaml"})

    assert {"day": "2026-01-01"} == answer.expect()["data"]


def test_a_secret_that_cannot_be_decoded_is_not_repeated(api: Api) -> None:
    """Somebody forgot base64: what he sent is the secret itself."""
    secret = {"metadata": {"name": "s"}, "data": {"token": "hunter2 hunter2"}}

    answer = api.post("/api/v1/namespaces/default/secrets", secret)

    assert 400 == answer.status
    assert "hunter2" not in json.dumps(answer.body)


junk = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
STEERED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of every place in a document."""
    found = [path] if path else []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in parts:
        found += places(child, (*path, step))
    return found


def spoiled(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with something else at one place."""
    if not path:
        return value
    step, *rest = path
    changed: Any = dict(document) if isinstance(document, dict) else list(document)
    changed[step] = spoiled(document[step], tuple(rest), value)
    return changed


@STEERED
@given(data=st.data())
@pytest.mark.parametrize(
    ("path", "good"),
    [(JOBS, JOB), (PODS, {**JOB["spec"]["template"], "metadata": JOB["metadata"]}), (DEFINITIONS, WIDGET_DEFINITION)],
)
def test_nothing_that_is_posted_breaks_it(api: Api, path: str, good: Any, data: st.DataObject) -> None:
    """A manifest that is wrong in any one place is judged, never a mistake of the server's."""
    document = spoiled(good, data.draw(st.sampled_from(places(good))), data.draw(junk))
    # Surrogates cannot be sent: JSON escapes them, as a hostile client would.
    answer = api.request("POST", path, json.dumps(document).encode(), query={"dryRun": "All"})

    assert answer.status < 500, answer.body


@STEERED
@given(
    patch=junk,
    kind=st.sampled_from(["json-patch+json", "merge-patch+json", "apply-patch+yaml", "strategic-merge-patch+json"]),
)
def test_nothing_that_is_patched_breaks_it(api: Api, patch: Any, kind: str) -> None:
    """The same for patches, of a custom and of a built-in kind."""
    for path in (f"{WIDGETS}/fuzzed", "/api/v1/namespaces/default/serviceaccounts/default"):
        answer = api.patch(path, patch, kind, fieldManager="fuzz", dryRun="All")

        assert answer.status < 500, answer.body


@STEERED
@given(
    steps=st.lists(
        st.sampled_from(
            ["api", "apis", "v1", "batch", "namespaces", "default", "pods", "x", "status", "log", "", "..", "%2e"]
        ),
        max_size=8,
    ),
    method=st.sampled_from(["GET", "PUT", "PATCH", "POST"]),
)
def test_no_path_breaks_it(api: Api, steps: list[str], method: str) -> None:
    """Unknown paths are not found."""
    assert api.request(method, "/" + "/".join(steps), {}, query={"dryRun": "All"}).status < 500


@STEERED
@given(
    query=st.dictionaries(
        st.sampled_from(
            [
                "labelSelector",
                "fieldSelector",
                "limit",
                "continue",
                "resourceVersion",
                "resourceVersionMatch",
                "includeObject",
            ]
        ),
        st.one_of(st.text(max_size=12), st.sampled_from(["a=b", "metadata.name=x", "1", "Exact", "eyJ2IjoxfQ"])),
        max_size=3,
    )
)
def test_no_question_breaks_it(api: Api, query: dict[str, str]) -> None:
    """Unknown questions are bad requests."""
    query = {name: value for name, value in query.items() if value.isprintable()}

    assert api.get(PODS, **query).status in (200, 400, 410, 422, 504)


def test_it_ends_with_watches_open(tmp_path: Any) -> None:
    """A controller that watches does not keep the plane alive."""
    with Served(tmp_path) as served:
        watch = served.api.watch(PODS, resourceVersion="0")
    with watch:
        assert [] == list(watch)


def test_a_widget_is_stored_as_sent(api: Api) -> None:
    """Unicode and deep values included."""
    spec = {"text": "ä\N{PILE OF POO}\u2028", "deep": {"a": [{"b": [1, 2.5, None, True]}]}}
    api.post(WIDGETS, widget("exact", **spec)).expect(201)

    assert spec == api.get(f"{WIDGETS}/exact").expect()["spec"]
