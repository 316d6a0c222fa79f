"""Kubeconfigs that lead nowhere and clusters that refuse: who must mend what is said, and nothing is left half done."""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fakes.kubernetes import FakeKubernetes, Fault, fake_kubernetes
from kelos.local.server.certificates import new_identity

from .doors import Done, Doors, all_at_once, sentence_has
from .plane import Plane

GOOD = {"prompt": "say hello", "type": "demo", "name": "never"}
RUN = ("run", "--name", "never", "-t", "demo", "--credential-type", "none", "-p", "say hello", "--wait")
OTHER_CA = """\
-----BEGIN CERTIFICATE-----
MIIBdjCCAR2gAwIBAgIUdTVj3XqTyfY8vTq5Dm8sV0Zp1mUwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


@pytest.fixture
def refusing() -> Iterator[FakeKubernetes]:
    with fake_kubernetes() as fake:
        yield fake


def both(doors: Doors, kubeconfig: Path, **inputs: str) -> Mapping[str, Done]:
    """The same Task through the Action and through the command line."""
    return all_at_once(
        {
            "action": lambda: doors.action(**GOOD | {"kubeconfig": str(kubeconfig)} | inputs),
            "cli": lambda: doors.cli(*RUN, kubeconfig=kubeconfig),
        }
    )


def changed(plane: Plane, doors: Doors, **parts: Any) -> Path:
    """The plane's kubeconfig with other clusters, users or contexts."""
    config = json.loads(plane.kubeconfig.read_text()) | parts
    return doors.file("kubeconfig.json", json.dumps(config))


UNREADABLE = [
    pytest.param("apiVersion: v1\nusers: [{token: s3cr3t-words\n", "does not parse", id="broken YAML"),
    pytest.param('{"users": [{"token": "s3cr3t-words"', "does not parse", id="broken JSON"),
    pytest.param("s3cr3t-words", "mapping", id="only a token"),
    pytest.param("", "", id="empty"),
    pytest.param(
        "clusters: s3cr3t-words\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: b}}]",
        "clusters",
        id="shape",
    ),
    pytest.param("current-context: a\ncontexts: s3cr3t-words", "contexts", id="contexts"),
]


@pytest.mark.parametrize(("content", "words"), UNREADABLE)
def test_a_kubeconfig_that_makes_no_sense_is_named_and_never_quoted(doors: Doors, content: str, words: str):
    """It is the file with the credentials in it."""
    path = doors.file("kubeconfig", content)

    done = both(doors, path)

    assert (2, 2) == (done["action"].code, done["cli"].code), done["action"].said + done["cli"].said
    assert "invalid-input" == done["action"].outputs["failure-reason"]
    assert sentence_has(done["action"].outputs["message"].lower(), "kubeconfig", words)
    assert sentence_has(done["cli"].err, f"'{path}'", words)
    assert all("s3cr3t-words" not in one.everything for one in done.values())


def test_an_unknown_context_is_answered_with_the_known_ones(plane: Plane, doors: Doors):
    """A typing mistake in a workflow is found by reading one line."""
    (context,) = (one["name"] for one in json.loads(plane.kubeconfig.read_text())["contexts"])

    step = doors.action(**GOOD, kube_context="prod")
    call = doors.cli("--context", "prod", *RUN)

    assert (2, "invalid-input", 2) == (step.code, step.outputs["failure-reason"], call.code), call.said
    for text in (step.outputs["message"], call.err):
        assert sentence_has(text, "no context 'prod'", context)


def test_a_context_with_an_unknown_user_is_named(plane: Plane, doors: Doors):
    """The file was put together by hand."""
    done = both(doors, changed(plane, doors, users=[]))

    assert (2, 2) == (done["action"].code, done["cli"].code)
    assert sentence_has(done["action"].outputs["message"], "user")
    assert sentence_has(done["cli"].err, "unknown user")


def with_authority(plane: Plane, doors: Doors, authority: str) -> Path:
    config = json.loads(plane.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"] | {
        "certificate-authority-data": base64.b64encode(authority.encode()).decode()
    }
    return changed(plane, doors, clusters=[config["clusters"][0] | {"cluster": cluster}])


def test_a_certificate_of_nobody_we_trust_ends_the_call(plane: Plane, doors: Doors):
    """Trying again would not help, so nobody waits; and the token is not sent to a stranger."""
    done = both(doors, with_authority(plane, doors, new_identity(datetime.now(timezone.utc)).authority))

    assert 2 == done["action"].code, done["action"].said
    assert sentence_has(done["action"].outputs["message"], "not trusted", "certificate-authority")
    assert 3 == done["cli"].code, done["cli"].said
    assert sentence_has(done["cli"].err, "not trusted", "certificate-authority")


def test_an_authority_that_is_no_certificate_is_named(plane: Plane, doors: Doors):
    """Cut off while it was copied."""
    done = both(doors, with_authority(plane, doors, OTHER_CA))

    assert (2, 2) == (done["action"].code, done["cli"].code), done["action"].said + done["cli"].said
    for text in (done["action"].outputs["message"], done["cli"].err):
        assert sentence_has(text, "certificate-authority")


def test_a_wrong_token_is_refused_once(plane: Plane, doors: Doors):
    """Nobody tries a wrong password again and again."""
    config = json.loads(plane.kubeconfig.read_text())
    users = [{"name": config["users"][0]["name"], "user": {"token": "wrong-token-of-mine"}}]

    done = both(doors, changed(plane, doors, users=users))

    assert (3, "not-authorized") == (done["action"].code, done["action"].outputs["failure-reason"])
    assert sentence_has(done["action"].outputs["message"], "credentials", "wrong or expired")
    assert 3 == done["cli"].code, done["cli"].said
    assert sentence_has(done["cli"].err, "Unauthorized")
    assert "wrong-token-of-mine" not in done["cli"].everything
    hidden = done["action"].everything.replace("::add-mask::wrong-token-of-mine", "")
    assert "wrong-token-of-mine" not in hidden


def kubeconfig_of(fake: FakeKubernetes, doors: Doors) -> Path:
    return doors.file("kubeconfig.json", json.dumps(fake.kubeconfig))


def test_a_forbidden_task_is_explained_with_the_right_that_is_missing(refusing: FakeKubernetes, doors: Doors):
    """The person who reads it must ask somebody else for it."""
    message = 'tasks.kelos.dev is forbidden: User "ci" cannot create resource "tasks" in API group "kelos.dev"'
    refusing.faults.append(Fault(match="", times=100, status=403, reason="Forbidden", message=message))

    done = both(doors, kubeconfig_of(refusing, doors))

    assert (3, "not-authorized") == (done["action"].code, done["action"].outputs["failure-reason"])
    assert sentence_has(done["action"].outputs["message"], message, "Role", '"tasks"', "'ci'")
    assert 3 == done["cli"].code
    assert sentence_has(done["cli"].err, message)


def test_a_cluster_without_kelos_is_told_apart_from_a_missing_task(refusing: FakeKubernetes, doors: Doors):
    """The API server's own words are `the server could not find the requested resource`."""
    message = "the server could not find the requested resource"
    refusing.faults.append(Fault(match="", times=100, status=404, reason="NotFound", message=message))

    done = both(doors, kubeconfig_of(refusing, doors))

    assert (3, "api-error") == (done["action"].code, done["action"].outputs["failure-reason"])
    assert sentence_has(done["action"].outputs["message"], refusing.url, "does not know tasks.kelos.dev", "README")
    assert 3 == done["cli"].code
    assert sentence_has(done["cli"].err, "does not know tasks.kelos.dev", "README")


def test_a_web_page_in_the_place_of_a_cluster_is_no_task(refusing: FakeKubernetes, doors: Doors):
    """A login page of a proxy answers everything; its text is not ours to repeat."""
    refusing.faults.append(
        Fault(match="", times=100, status=302, reason="Found", headers={"Location": "http://127.0.0.1:9/login"})
    )

    done = both(doors, kubeconfig_of(refusing, doors))

    assert 3 == done["cli"].code, done["cli"].said
    assert (3, "api-error") == (done["action"].code, done["action"].outputs["failure-reason"])
    assert not any(one.outputs.get("conclusion") == "success" for one in done.values())


def test_nobody_at_home_is_an_error_of_the_cluster(plane: Plane, doors: Doors):
    """The Action bears an outage for as long as its lease, and then says what it could not reach."""
    with fake_kubernetes() as fake:
        config = fake.kubeconfig
    path = doors.file("kubeconfig.json", json.dumps(config))

    done = both(doors, path, lease="30s")

    assert 3 == done["cli"].code, done["cli"].said
    assert sentence_has(done["cli"].err, fake.url, "cannot be reached", "check the address")
    assert (3, "api-error") == (done["action"].code, done["action"].outputs["failure-reason"]), done["action"].said
    assert sentence_has(done["action"].outputs["message"], fake.url, "did not answer", "refused")
