"""What the API server says, in our words."""

import json
from typing import Any

import pytest

from kelos.cluster.http import answers
from kelos.cluster.protocol import ChangeType
from kelos.errors import (
    AlreadyExists,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)


def status(code: int, reason: str = "", message: str = "no", **details: Any) -> bytes:
    value = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return json.dumps(value).encode()


def refusal(code: int, body: bytes, path: str = "/api/v1/namespaces/ci/pods/a", retry_after: str = "") -> ClusterError:
    return answers.refusal(
        server="https://k8s:6443", method="GET", path=path, status=code, body=body, retry_after=retry_after
    )


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", Unavailable),
        (503, "ServiceUnavailable", Unavailable),
        (418, "", ClusterError),
    ],
)
def test_every_refusal_has_its_class(code: int, reason: str, kind: type[ClusterError]) -> None:
    """Callers decide by class, people read the server's own sentence."""
    error = refusal(code, status(code, reason, 'pods "a" is not what you think'))

    assert kind is type(error)
    assert ('pods "a" is not what you think', code, reason) == (str(error), error.status, error.reason)


def test_causes_name_the_fields() -> None:
    """A form or a CLI can point at them."""
    body = status(422, "Invalid", causes=[{"field": "spec.prompt", "message": "Required value"}, {"message": "odd"}])

    assert ("spec.prompt: Required value", "odd") == refusal(422, body).causes


def test_a_secret_is_never_quoted_back() -> None:
    """The server repeats the value that it refuses."""
    causes = [{"field": "data[token]", "message": 'Invalid value: "hunter2"'}]
    body = status(422, "Invalid", 'Secret "a" is invalid: data[token]: Invalid value: "hunter2"', causes=causes)
    error = refusal(422, body, path="/api/v1/namespaces/ci/secrets/a")

    assert "The Secret sent to /api/v1/namespaces/ci/secrets/a is invalid; check data[token]" == str(error)
    assert () == error.causes


@pytest.mark.parametrize(
    "body", [b"<html>Authorization: Bearer hunter2</html>", b"[]", b'{"kind": "Pod"}', b"\xff", b""]
)
def test_what_is_no_status_is_not_quoted(body: bytes) -> None:
    """A proxy in between may echo the request, token and all."""
    error = refusal(502, body)

    assert isinstance(error, Unavailable)
    assert "https://k8s:6443 answered 502 to GET /api/v1/namespaces/ci/pods/a; check" in str(error)


def test_a_long_message_is_cut() -> None:
    """It ends up in a status and in events."""
    assert answers.LONGEST_MESSAGE == len(str(refusal(403, status(403, message="x" * 10_000))))


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", None), ("Fri, 31 Dec 2027 23:59:59 GMT", None)])
def test_retry_after_is_passed_on(header: str, seconds: float | None) -> None:
    """The caller waits; nothing here does."""
    assert seconds == refusal(429, status(429), retry_after=header).retry_after_seconds


def test_list_items_say_their_kind() -> None:
    """The server leaves it out of lists of its own kinds, but not of watch events: readers must not care."""
    answer = {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    page = answers.page(answer, api_version="v1", kind="Pod")

    assert ("v1", "Pod") == (page.items[0]["apiVersion"], page.items[0]["kind"])
    assert ("7", "more") == (page.resource_version, page.more)


def test_a_watch_line_is_a_change() -> None:
    """The plain case."""
    change = answers.change(b'{"type": "DELETED", "object": {"metadata": {"resourceVersion": "7"}}}', what="tasks")

    assert change is not None
    assert (ChangeType.DELETED, {"metadata": {"resourceVersion": "7"}}) == (change.type, change.object)


def test_an_unknown_type_is_passed_over() -> None:
    """A newer server may know more."""
    assert (
        answers.change(b'{"type": "SPARKLE", "object": {"metadata": {"resourceVersion": "7"}}}', what="tasks") is None
    )


@pytest.mark.parametrize("code", [410, 0])
def test_an_expired_watch_is_gone(code: int) -> None:
    """It comes as an event of a watch that began well."""
    line = json.dumps({"type": "ERROR", "object": json.loads(status(code, "Expired", "too old"))}).encode()
    with pytest.raises(Gone, match="too old"):
        answers.change(line, what="tasks")


HALVES = [
    b'{"type": "ADDED", "obj',
    b'{"type": "ADDED", "object": {}}',
    b'{"type": "ERROR", "object": null}',
    b"null",
    b"7",
]


@pytest.mark.parametrize("line", HALVES)
def test_half_a_line_is_a_broken_connection(line: bytes) -> None:
    """It must be tried again, not end the process."""
    with pytest.raises(Unavailable):
        answers.change(line, what="tasks")


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b""])
def test_a_success_that_is_no_object_is_a_wrong_address(body: bytes) -> None:
    """Login pages answer 200."""
    with pytest.raises(Unavailable, match="check that it is an API server"):
        answers.decoded(body, server="https://k8s", method="GET", path="/api")


def test_a_group_that_nobody_serves_is_named() -> None:
    """An API server answers in plain text then, as any web server would."""
    error = refusal(404, b"404 page not found\n", path="/apis/kelos.dev/v1alpha2/tasks")

    assert "check that it is the address of an API server that serves kelos.dev/v1alpha2" in str(error)
