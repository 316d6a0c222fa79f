"""Trust and identity on a real TLS connection: who the server is, who we are, and what happens when either is wrong."""

import base64
import json
import socket
import ssl
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest

from fakes.kubernetes import FakeKubernetes, fake_kubernetes
from fakes.runner import Job, commands
from kelos.action.api.client import Api
from kelos.action.api.connection import connect
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import parse
from kelos.action.api.target import Signature, Target
from kelos.api.kinds import TASK
from kelos.errors import Unauthorized, Unavailable, UserError
from realcluster.pki import Pki, create_pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> Pki:
    return create_pki(tmp_path_factory.mktemp("pki") / "pki", datetime.now(timezone.utc))


@pytest.fixture
def secure(pki: Pki):
    """A server that wants to see a client certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.authority.certificate)
    context.load_cert_chain(pki.server.certificate, pki.server.key)
    context.verify_mode = ssl.CERT_REQUIRED
    with fake_kubernetes(context) as fake:
        fake.tasks["t"] = {"metadata": {"name": "t"}}
        yield fake


def data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def kubeconfig(fake: FakeKubernetes, pki: Pki, **cluster: object) -> dict:
    document = fake.kubeconfig
    trust = {"certificate-authority-data": data(pki.authority.certificate), **cluster}
    document["clusters"][0]["cluster"].update(trust)
    document["users"][0]["user"] = {
        "client-certificate-data": data(pki.admin.certificate),
        "client-key-data": data(pki.admin.key),
    }
    return document


def read(document: dict) -> object:
    target = parse(document, folder=Path())
    return Api(target, Credentials(target)).get(TASK, "ci", "t")["metadata"]["name"]


def test_a_client_certificate_signs_us_in(secure: FakeKubernetes, pki: Pki):
    """As kubeadm, k3s and kind make kubeconfigs."""
    assert "t" == read(kubeconfig(secure, pki))


def test_no_certificate_is_left_on_the_disk(secure: FakeKubernetes, pki: Pki, tmp_path: Path, monkeypatch):
    """The ssl module reads keys from files only."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    read(kubeconfig(secure, pki))

    assert [] == list(tmp_path.iterdir())


def test_a_server_that_is_not_trusted_gets_nothing(secure: FakeKubernetes, pki: Pki):
    """The sentence names the setting; the token was not sent."""
    other = data(pki.admin.certificate)

    with pytest.raises(UserError, match=r"is not trusted .*: check the kubeconfig's certificate-authority"):
        read(kubeconfig(secure, pki, **{"certificate-authority-data": other}))

    assert [] == secure.requests


def test_another_name_for_the_server(secure: FakeKubernetes, pki: Pki):
    """Tunnels and load balancers hide the name that the certificate was made for."""
    assert "t" == read(kubeconfig(secure, pki, **{"tls-server-name": "kubernetes.default"}))
    with pytest.raises(UserError, match="is not trusted"):
        read(kubeconfig(secure, pki, **{"tls-server-name": "elsewhere"}))


def test_trust_can_be_turned_off(secure: FakeKubernetes, pki: Pki):
    """The user asked for it in their own kubeconfig."""
    cluster = {"certificate-authority-data": "", "insecure-skip-tls-verify": True}

    assert "t" == read(kubeconfig(secure, pki, **cluster))


def test_trust_that_is_turned_off_is_warned_about(job: Job, kubernetes: FakeKubernetes):
    """Whoever stands between reads the token; the sentence says what to write instead."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])
    document = kubernetes.kubeconfig
    document["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    said = {"prompt": "x", "credentials-secret": "s", "kubeconfig": json.dumps(document)}

    (warning,) = commands(job.use(with_=said).log)

    assert warning.startswith(f"::warning title=Kelos::The kubeconfig trusts whoever answers as {kubernetes.url}")


def test_a_key_that_does_not_fit_its_certificate(secure: FakeKubernetes, pki: Pki):
    """Half a kubeconfig was copied."""
    document = kubeconfig(secure, pki)
    document["users"][0]["user"]["client-key-data"] = data(pki.server.key)

    with pytest.raises(UserError, match="client certificate and key do not fit"):
        read(document)


def test_a_server_below_a_path(kubernetes: FakeKubernetes):
    """Rancher and others serve many clusters from one address."""
    kubernetes.tasks["t"] = {"metadata": {"name": "t"}}
    document = kubernetes.kubeconfig
    document["clusters"][0]["cluster"]["server"] += "/k8s/clusters/c-1"

    assert "t" == read(document)
    assert ["GET /k8s/clusters/c-1/apis/kelos.dev/v1alpha2/namespaces/ci/tasks/t"] == kubernetes.requests


def test_a_token_is_not_sent_without_tls():
    """Except to this machine."""
    with pytest.raises(UserError, match=r"would send a token to http://k8s.example without TLS"):
        connect(Target(server="http://k8s.example"), Signature(authorization="Bearer x"), 1.0)


def test_a_refused_token_is_renewed_once(kubernetes: FakeKubernetes, tmp_path: Path):
    """It may have expired between two calls; a second refusal is meant."""
    kubernetes.tasks["t"] = {"metadata": {"name": "t"}}
    kubernetes.tokens = {"new"}
    token = tmp_path / "token"
    token.write_text("old")
    target = Target(server=kubernetes.url, token_file=token)
    credentials = Credentials(target)
    credentials.signature()
    token.write_text("new")

    assert "t" == Api(target, credentials).get(TASK, "ci", "t")["metadata"]["name"]

    kubernetes.tokens = {"newer"}
    with pytest.raises(Unauthorized, match="credentials are wrong or expired"):
        Api(target, credentials).get(TASK, "ci", "t")


def test_an_answer_that_is_no_object_is_an_outage(kubernetes: FakeKubernetes):
    """A captive portal or a proxy answered in the server's place."""
    kubernetes.tasks["t"] = json.loads("[1]")

    with pytest.raises(Unavailable, match="something else than an object"):
        read(kubernetes.kubeconfig)


def test_nobody_there():
    """Refused connections are outages, and name the server."""
    target = Target(server="http://127.0.0.1:9")

    with pytest.raises(Unavailable, match=r"http://127.0.0.1:9 did not answer: Connection refused"):
        Api(target, Credentials(target)).get(TASK, "ci", "t")


def test_a_name_that_nobody_knows():
    """Its resolver may be back in a moment; the sentence names the server."""
    target = Target(server="https://no-such-cluster.invalid")

    with pytest.raises(Unavailable, match=r"https://no-such-cluster\.invalid did not answer: "):
        Api(target, Credentials(target)).get(TASK, "ci", "t")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x15\x03\x01",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n{",
        b"SSH-2.0-x\r\n",
    ],
    ids=["nothing", "half-a-handshake", "half-a-body", "half-an-object", "another-protocol"],
)
def test_a_connection_that_breaks_is_an_outage(scheme: str, answer: bytes):
    """Load balancers that restart, and servers that die while they speak, in the handshake too."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65536)
                client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        target = Target(server=f"{scheme}://127.0.0.1:{server.getsockname()[1]}")

        with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
            Api(target, Credentials(target)).get(TASK, "ci", "t")

        thread.join(60)


def test_a_clusters_own_authority_is_taken_as_kubectl_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From Python 3.13 on, authorities without key usage or key identifier are refused, and many clusters have such."""
    lenient = ssl.create_default_context

    def of_a_newer_python(**given: object) -> ssl.SSLContext:
        context = lenient(**given)  # type: ignore[arg-type]
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    pki = create_pki(tmp_path / "pki", datetime.now(timezone.utc), is_strict=False)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.server.certificate, pki.server.key)
    monkeypatch.setattr("ssl.create_default_context", of_a_newer_python)

    with fake_kubernetes(server) as fake:
        fake.tasks["t"] = {"metadata": {"name": "t"}}
        assert "t" == read(kubeconfig(fake, pki))
