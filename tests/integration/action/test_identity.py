"""Signing in with GitHub's identity tokens: what is asked for when, and what is said when it does not work."""

import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.github import REQUEST_TOKEN, FakeGitHub, Reply, fake_github
from fakes.kubernetes import FakeKubernetes
from fakes.runner import Job
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.identity import identity_target, life_seconds, read_authority
from kelos.action.api.target import Target
from kelos.api.kinds import TASK
from kelos.errors import Unauthorized, Unavailable, UserError

SERVER = "https://k8s.example:6443"
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as fake:
        yield fake


def target_of(github: FakeGitHub, server: str = SERVER, audience: str = "kelos") -> Target:
    return identity_target(server, "", audience, github.env)


@pytest.mark.parametrize(("life", "asked"), [(300.0, 240.0), (10.0, 8.0)])
def test_a_token_is_renewed_before_it_ends(github: FakeGitHub, life: float, asked: float):
    """At four fifths of its life, by our own clock's count: whether the runner's clock is right plays no part."""
    now = [1000.0]
    github.life_seconds = life
    credentials = Credentials(target_of(github), clock=lambda: now[0])
    first = credentials.signature()

    now[0] += asked - 0.1
    still = credentials.signature()
    now[0] += 0.2
    renewed = credentials.signature()

    assert (True, False, 2) == (still is first, renewed is first, github.minted)
    assert renewed.authorization.startswith("Bearer eyJ")


def test_the_audience_is_the_server_unless_it_is_said(github: FakeGitHub):
    """It is part of a query, whatever it holds."""
    Credentials(target_of(github, audience="")).signature()
    Credentials(target_of(github, audience="a&b=c d")).signature()

    assert [
        "/_apis/token?api-version=2.0&audience=https%3A%2F%2Fk8s.example%3A6443",
        "/_apis/token?api-version=2.0&audience=a%26b%3Dc%20d",
    ] == github.requests


def test_a_refused_token_is_minted_again_once_a_minute(github: FakeGitHub, kubernetes: FakeKubernetes):
    """The server's clock may run ahead, or its keys may have changed."""
    now = [0.0]
    kubernetes.tasks["t"] = {"metadata": {"name": "t"}}
    kubernetes.tokens = {"none-of-these"}
    identity = target_of(github).identity
    target = Target(server=kubernetes.url, identity=identity)
    api = Api(target, Credentials(target, clock=lambda: now[0]))
    seen = []

    for now[0] in (0.0, 1.0, 59.0, 61.0):
        with pytest.raises(Unauthorized, match="check issuer, audience 'kelos' and claims"):
            api.get(TASK, "ci", "t")
        seen.append(github.minted)

    assert [2, 2, 2, 3] == seen


@pytest.mark.parametrize(
    ("reply", "error", "sentence"),
    [
        (Reply(401), Unauthorized, r"no identity token \(its answer was 401\): give the job `permissions: id-token"),
        (Reply(403), Unauthorized, "give the job `permissions: id-token: write`"),
        (Reply(503), Unavailable, "its answer was 503"),
        (Reply(429), Unavailable, "its answer was 429"),
        (Reply(200, {"value": "no-token"}), Unavailable, "its answer was 200"),
        (Reply(drop=True), Unavailable, r"GitHub gave no identity token: 127.0.0.1:\d+ did not answer"),
    ],
)
def test_github_gives_none(github: FakeGitHub, reply: Reply, error: type[Exception], sentence: str):
    """What may pass is an outage; what will not names the permission."""
    github.replies = [reply]

    with pytest.raises(error, match=sentence) as refused:
        Credentials(target_of(github)).signature()

    assert REQUEST_TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            {"server": SERVER},
            "GitHub gives this job no identity token, which `server` needs: give the job `permissions",
        ),
        ({"server": "http://k8s.example"}, "must be the https:// address of an API server"),
        ({"server": "k8s.example"}, "must be the https:// address of an API server"),
        ({"server": "https://me:word@k8s.example"}, "must be the https:// address of an API server"),
        ({"server": SERVER, "kube-context": "main"}, "`server` and `kubeconfig` are both set"),
        ({"ca": PEM}, "belong to `server`, which is empty"),
        ({"oidc-audience": "x"}, "belong to `server`, which is empty"),
        ({"server": SERVER, "mode": "local"}, "leave out `kubeconfig`, `kube-context` and `server`"),
    ],
)
def test_a_wrong_call_is_explained(job: Job, said: dict[str, str], sentence: str):
    """Before anything is asked or sent."""
    job.env["KELOS_PYTHON"] = sys.executable

    result = job.use(with_={"prompt": "x", "credentials-secret": "s", **said})

    assert (2, "invalid-input") == (result.code, result.outputs["failure-reason"]), result.log
    assert sentence in result.outputs["message"]


def test_an_authority_comes_in_any_shape(tmp_path: Path):
    """PEM in a variable, base64 as in a kubeconfig, a file of the checkout."""
    (tmp_path / "ca.pem").write_text(PEM)
    lines = base64.encodebytes(PEM.encode() * 3).decode()

    assert PEM.encode() == read_authority(PEM) == read_authority(str(tmp_path / "ca.pem"))
    assert PEM.encode() * 3 == read_authority(lines)
    for wrong in ("nowhere.pem", "QUJD", "\0", str(tmp_path)):
        with pytest.raises(UserError, match="The input `ca` is neither a certificate in PEM"):
            read_authority(wrong)


@pytest.mark.parametrize("token", ["a.b.c", "a.e30.c", "a.W10.c", "a..c", "x"])
def test_a_token_that_does_not_say_how_long_it_lives(token: str):
    """It is then renewed every minute or so."""
    assert 60.0 == life_seconds(token)


def test_nothing_of_it_is_shown(github: FakeGitHub):
    """The right to ask is a secret like the token."""
    target = target_of(github)
    credentials = Credentials(target)
    signature = credentials.signature()

    assert REQUEST_TOKEN not in f"{target}{target!r}"
    assert "eyJ" not in f"{signature}{signature!r}"
