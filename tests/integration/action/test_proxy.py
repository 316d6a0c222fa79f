"""Runners behind a proxy: kubectl's rules for when it is used, and what it may do to a connection."""

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from fakes.github import fake_github
from fakes.kubernetes import FakeKubernetes, fake_kubernetes
from fakes.proxy import FakeProxy, fake_proxy
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import parse
from kelos.action.api.proxy import is_direct, open_socket, parse_proxy, proxy_for
from kelos.action.api.web import ask
from kelos.api.kinds import TASK
from kelos.errors import Unavailable, UserError
from realcluster.pki import Pki, create_pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> Pki:
    return create_pki(tmp_path_factory.mktemp("pki") / "pki", datetime.now(timezone.utc))


@pytest.fixture
def secure(pki: Pki) -> Iterator[FakeKubernetes]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.server.certificate, pki.server.key)
    with fake_kubernetes(context) as fake:
        fake.tasks["t"] = {"metadata": {"name": "t"}}
        fake.tokens = {"s3cr3t"}
        yield fake


@pytest.fixture
def proxy() -> Iterator[FakeProxy]:
    """It alone can find the server by the name in the kubeconfig."""
    with fake_proxy() as fake:
        fake.names = {"kubernetes.default": "127.0.0.1"}
        yield fake


def kubeconfig(secure: FakeKubernetes, pki: Pki, **cluster: object) -> dict:
    document = secure.kubeconfig
    authority = base64.b64encode(pki.authority.certificate.read_bytes()).decode()
    port = secure.url.rpartition(":")[2]
    document["clusters"][0]["cluster"] = {
        "server": f"https://kubernetes.default:{port}",
        "certificate-authority-data": authority,
        **cluster,
    }
    return document


def read(document: dict, env: dict[str, str] | None = None) -> str:
    target = parse(document, folder=Path(), env=env or {})
    return str(Api(target, Credentials(target)).get(TASK, "ci", "t")["metadata"]["name"])


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("user", ["", "me"])
def test_the_proxy_of_the_kubeconfig(secure: FakeKubernetes, pki: Pki, proxy: FakeProxy, scheme: str, user: str):
    """Names are resolved behind it, TLS passes through it whole, and its password is its own."""
    proxy.user, proxy.password = user, "word"

    assert "t" == read(kubeconfig(secure, pki, **{"proxy-url": proxy.url(scheme)}))
    port = secure.url.rpartition(":")[2]
    verb = "CONNECT kubernetes.default:{} HTTP/1.1" if scheme == "http" else "SOCKS kubernetes.default:{}"
    assert [verb.format(port)] == proxy.asked


def test_the_proxy_of_the_environment(secure: FakeKubernetes, pki: Pki, proxy: FakeProxy):
    """Self-hosted runners have it in their service file; a proxy of the kubeconfig comes before it."""
    assert "t" == read(kubeconfig(secure, pki), {"https_proxy": proxy.url()})
    assert "t" == read(kubeconfig(secure, pki, **{"proxy-url": proxy.url()}), {"HTTPS_PROXY": "http://127.0.0.1:9"})
    assert 2 == len(proxy.asked)


@pytest.mark.parametrize(
    ("scheme", "refusal", "sentence"),
    [
        ("http", b"HTTP/1.1 403 Forbidden\r\n\r\n", r"refused with 403 Forbidden"),
        ("http", b"HTTP/1.1 502 \x1b[31m::error::\r\n\r\n", r"refused with 502 \[31m::error::$"),
        ("http", b"HTTP/1.1", "the proxy broke off its answer"),
        ("socks5", b"\x05\x05\x00\x01" + bytes(6), "could not connect: connection refused"),
        ("socks5", b"\x05\x01\x00\x01" + bytes(6), "could not connect: 1"),
        ("socks5", b"\x05", "the proxy broke off its answer"),
    ],
)
def test_a_proxy_that_refuses_is_an_outage_with_a_sentence(
    secure: FakeKubernetes, pki: Pki, proxy: FakeProxy, scheme, refusal, sentence
):
    """It may let us through in a minute; until then the log says that it was the proxy."""
    proxy.refusal = refusal

    with pytest.raises(Unavailable, match=sentence):
        read(kubeconfig(secure, pki, **{"proxy-url": proxy.url(scheme)}))

    assert [] == secure.requests


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("wrong", ["me:wr0ng@", ""])
def test_a_proxy_that_wants_another_password(secure: FakeKubernetes, pki: Pki, proxy: FakeProxy, scheme, wrong):
    """Trying again changes nothing; the sentence says what to look at, and not what is in it."""
    proxy.user, proxy.password = "me", "s3same"

    with pytest.raises(
        UserError, match=r"proxy 127\.0\.0\.1:\d+ does not let us in: check user and password"
    ) as refused:
        read(kubeconfig(secure, pki, **{"proxy-url": f"{scheme}://{wrong}127.0.0.1:{proxy.port}"}))

    assert "wr0ng" not in str(refused.value)
    assert [] == secure.requests


def test_a_proxy_that_is_not_there(secure: FakeKubernetes, pki: Pki):
    """Also an outage."""
    with pytest.raises(Unavailable, match="did not answer: Connection refused"):
        read(kubeconfig(secure, pki, **{"proxy-url": "http://127.0.0.1:9"}))


def test_idle_connections_are_kept_alive(proxy: FakeProxy, secure: FakeKubernetes):
    """Gateways forget silent ones after minutes, and nobody tells the one who waits; also through a proxy."""
    port = int(secure.url.rpartition(":")[2])
    for route in (None, parse_proxy(proxy.url(), "It")):
        with open_socket("127.0.0.1", port, route, 5.0) as sock:
            assert 1 == sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert 1 == sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert 30 == sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)


def test_a_certificate_is_checked_behind_the_proxy_too(secure: FakeKubernetes, pki: Pki, proxy: FakeProxy):
    """The proxy is one of those whom TLS is there for."""
    with pytest.raises(UserError, match="is not trusted"):
        read(kubeconfig(secure, pki, **{"proxy-url": proxy.url(), "tls-server-name": "elsewhere"}))

    assert [] == secure.requests


def test_github_is_asked_through_the_proxy(proxy: FakeProxy):
    """The permission gate and the identity token go the same way."""
    with fake_github() as github:
        answer = ask(f"{github.url}/.well-known/jwks", {}, proxy=parse_proxy(proxy.url(), "It"), timeout=10)

    assert 200 == answer.status
    assert 1 == len(proxy.asked)


@pytest.mark.parametrize(
    ("host", "port", "rules", "direct"),
    [
        ("localhost", 443, "", True),
        ("127.0.0.1", 443, "", True),
        ("::1", 443, "", True),
        ("k8s.example", 443, "", False),
        ("k8s.example", 443, "*", True),
        ("k8s.example", 443, "other, k8s.example", True),
        ("a.k8s.example", 443, "k8s.example", True),
        ("a.k8s.example", 443, ".k8s.example", True),
        ("a.k8s.example", 443, "*.k8s.example", True),
        ("k8s.example", 443, ".k8s.example", False),
        ("notk8s.example", 443, "k8s.example", False),
        ("K8S.Example", 443, "k8s.EXAMPLE", True),
        ("k8s.example", 6443, "k8s.example:6443", True),
        ("k8s.example", 443, "k8s.example:6443", False),
        ("10.1.2.3", 443, "10.0.0.0/8", True),
        ("11.1.2.3", 443, "10.0.0.0/8,nonsense/99", False),
        ("10.1.2.3", 443, "10.1.2.3", True),
        ("10.1.2.30", 443, "10.1.2.3", False),
        ("10.1.2.3", 6443, "10.1.2.3:443", False),
        ("fd00::1", 443, "fd00::/8", True),
        ("fd00::1", 443, "fd00::1", True),
        ("fd00::1", 6443, "[fd00::1]:6443", True),
        ("k8s.example", 443, "10.0.0.0/8", False),
    ],
)
def test_who_is_reached_without_the_proxy(host, port, rules, direct):
    """The rules of Go's programs, kubectl among them."""
    assert direct is is_direct(host, port, rules)


def test_which_variable_counts():
    """By the scheme of what is asked for; capitals first, as in Go."""
    env = {"HTTPS_PROXY": "one:1", "https_proxy": "two:2", "http_proxy": "three:3", "no_proxy": "inside"}

    found = [proxy_for(url, env) for url in ("https://x", "http://x", "https://inside", "https://127.0.0.1:6443")]

    assert ["one", "three", None, None] == [proxy and proxy.host for proxy in found]
    assert None is proxy_for("https://x", {"HTTPS_PROXY": ""})


def test_a_proxy_keeps_its_password():
    """Percent signs are for what a URL cannot hold; nothing of it is printed."""
    proxy = parse_proxy("socks5://me:p%40ss@host", "It")

    assert ("host", 1080, "me", "p@ss") == (proxy.host, proxy.port, proxy.user, proxy.password)
    assert "p@ss" not in f"{proxy} {replace(proxy, port=1)!r}"
    with pytest.raises(UserError, match="The variable HTTPS_PROXY is no address of a proxy") as refused:
        proxy_for("https://x", {"HTTPS_PROXY": "gopher://me:p%40ss@host"})
    assert "p%40ss" not in str(refused.value)


@pytest.fixture
def covered(pki: Pki, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> FakeProxy:
    """A proxy that is itself spoken to over TLS, with a certificate that this machine trusts."""
    proxy.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    proxy.tls.load_cert_chain(pki.server.certificate, pki.server.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.authority.certificate))
    return proxy


@pytest.mark.parametrize("user", ["", "me"])
def test_a_proxy_that_is_spoken_to_over_tls(secure: FakeKubernetes, pki: Pki, covered: FakeProxy, user: str):
    """Inside of its TLS there is the server's own, whole: the proxy reads nothing."""
    covered.user, covered.password = user, "word"

    assert "t" == read(kubeconfig(secure, pki, **{"proxy-url": covered.url("https")}))
    assert [f"CONNECT kubernetes.default:{secure.url.rpartition(':')[2]} HTTP/1.1"] == covered.asked


def test_much_passes_through_two_layers(secure: FakeKubernetes, pki: Pki, covered: FakeProxy):
    """Answers of many records, a body of many, and a watch that is read while it grows."""
    prompt = "x" * 500_000
    target = parse(kubeconfig(secure, pki, **{"proxy-url": covered.url("https")}), folder=Path())
    api = Api(target, Credentials(target))

    made = api.create(TASK, "ci", {"metadata": {"name": "long"}, "spec": {"prompt": prompt}})
    query = {"watch": "true", "resourceVersion": "0"}
    with api.lines(TASK.path("ci"), query, silence_seconds=10) as lines:
        first = json.loads(next(lines))["object"]
        secure.succeed("long")
        second = json.loads(next(lines))["object"]

    assert [prompt] * 3 == [found["spec"]["prompt"] for found in (made, first, second)]
    assert "Succeeded" == second["status"]["phase"]


def test_plain_http_through_it(covered: FakeProxy):
    """A server on this machine, or a test's."""
    with fake_github() as github:
        answer = ask(f"{github.url}/.well-known/jwks", {}, proxy=parse_proxy(covered.url("https"), "It"), timeout=10)

    assert 200 == answer.status


def test_certificates_are_checked_at_both_layers(secure: FakeKubernetes, pki: Pki, covered: FakeProxy, monkeypatch):
    """One sentence names the server, the other the proxy."""
    url = {"proxy-url": covered.url("https")}
    with pytest.raises(UserError, match=r"The certificate of https://kubernetes.default:\d+ is not trusted"):
        read(kubeconfig(secure, pki, **url, **{"tls-server-name": "elsewhere"}))
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(UserError, match=r"The certificate of the proxy 127.0.0.1 is not trusted \("):
        read(kubeconfig(secure, pki, **url))

    assert [] == secure.requests


def test_a_proxy_that_speaks_no_tls_is_not_waited_for(proxy: FakeProxy):
    """The scheme is wrong, or the port: the handshake has the same limit as everything else."""
    with pytest.raises(OSError, match="timed out"):
        open_socket("127.0.0.1", 9, parse_proxy(proxy.url("https"), "It"), 0.3)
