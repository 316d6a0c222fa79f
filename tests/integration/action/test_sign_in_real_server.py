"""Every way of signing in that a kubeconfig or a pod may bring, at a real kube-apiserver."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fakes.proxy import FakeProxy, fake_proxy
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import find_target
from kelos.action.api.target import Target
from kelos.api.kinds import TASK
from kelos.errors import Forbidden, Unauthorized, UserError
from realcluster.control_plane import ControlPlane

pytestmark = pytest.mark.cluster


class Forms:
    """Kubeconfigs for one cluster, each in another form."""

    def __init__(self, cluster: ControlPlane, folder: Path, proxy: FakeProxy) -> None:
        self.folder, self.proxy = folder, proxy
        self.document = json.loads(cluster.kubeconfig.read_text())
        self.pair = self.document["users"][0]["user"]
        self.token = json.loads(cluster.token_kubeconfig.read_text())["users"][0]["user"]["token"]
        self.address = urlsplit(cluster.site.server_url)

    def target(self, user: dict | None = None, **cluster: object) -> Target:
        document = json.loads(json.dumps(self.document))
        document["users"][0]["user"] = self.pair if user is None else user
        document["clusters"][0]["cluster"] |= cluster
        path = self.folder / "config"
        path.write_text(json.dumps(document))
        return find_target(str(path), "", {}, self.folder)

    def plugin(self, version: str, status: dict) -> Target:
        script = self.folder / "login"
        answer = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})
        script.write_text(f"#!/bin/sh\nprintf %s '{answer}'\n")
        script.chmod(0o700)
        mode = {"interactiveMode": "Never"}
        return self.target({"exec": {"command": "./login", "apiVersion": version, **mode}})

    def pair_as_text(self) -> dict[str, str]:
        names = {"clientCertificateData": "client-certificate-data", "clientKeyData": "client-key-data"}
        return {name: base64.b64decode(self.pair[key]).decode() for name, key in names.items()}

    def token_file(self) -> Target:
        (self.folder / "token").write_text(f"{self.token}\n")
        return self.target({"tokenFile": "token"})

    def pod(self) -> Target:
        authority = base64.b64decode(self.document["clusters"][0]["cluster"]["certificate-authority-data"])
        (self.folder / "token").write_text(self.token)
        (self.folder / "ca.crt").write_bytes(authority)
        env = {
            "KUBERNETES_SERVICE_HOST": str(self.address.hostname),
            "KUBERNETES_SERVICE_PORT": str(self.address.port),
        }
        return find_target("", "", env, self.folder / "nobody", account=self.folder)


@pytest.fixture
def forms(real_cluster: ControlPlane, tmp_path: Path) -> Iterator[Forms]:
    with fake_proxy() as proxy:
        proxy.names = {"kubernetes.default.svc": "127.0.0.1"}
        yield Forms(real_cluster, tmp_path, proxy)


def tasks(target: Target) -> str:
    """What the server lists for us: that it does is all we ask."""
    return str(Api(target, Credentials(target)).list(TASK, "default", {})["kind"])


V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


@pytest.mark.parametrize(
    "form",
    [
        lambda forms: forms.target(),
        lambda forms: forms.target({"token": forms.token}),
        lambda forms: forms.token_file(),
        lambda forms: forms.pod(),
        lambda forms: forms.plugin(V1, {"token": forms.token}),
        lambda forms: forms.plugin(V1BETA1, {"token": forms.token, "expirationTimestamp": "2999-01-01T00:00:00Z"}),
        lambda forms: forms.plugin(V1, forms.pair_as_text()),
        lambda forms: forms.target(**{"tls-server-name": "kubernetes.default"}),
        lambda forms: forms.target(**{"proxy-url": forms.proxy.url()}),
        lambda forms: forms.target(**{"proxy-url": forms.proxy.url("socks5")}),
        lambda forms: forms.target(
            server=f"https://kubernetes.default.svc:{forms.address.port}", **{"proxy-url": forms.proxy.url()}
        ),
        lambda forms: forms.target(**{"certificate-authority-data": "", "insecure-skip-tls-verify": True}),
    ],
    ids=[
        "certificate",
        "token",
        "token-file",
        "pod",
        "plugin-v1-token",
        "plugin-v1beta1-token",
        "plugin-v1-certificate",
        "tls-server-name",
        "http-proxy",
        "socks-proxy",
        "name-known-to-the-proxy-only",
        "insecure",
    ],
)
def test_the_server_knows_us(forms: Forms, form: Callable[[Forms], Target]):
    """What kubectl accepts is accepted."""
    assert "TaskList" == tasks(form(forms))


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (lambda forms: forms.target({"token": "wrong"}), Unauthorized),
        (lambda forms: forms.plugin(V1, {"token": "wrong"}), Unauthorized),
        (lambda forms: forms.target({}), Forbidden),
        (lambda forms: forms.target(**{"tls-server-name": "elsewhere"}), UserError),
        (lambda forms: forms.target(**{"certificate-authority-data": ""}), UserError),
    ],
    ids=["token", "plugin", "nobody", "tls-server-name", "no-authority"],
)
def test_the_server_does_not_know_us_or_we_not_it(forms: Forms, form: Callable[[Forms], Target], error):
    """Each ends with the error whose sentence names the remedy."""
    with pytest.raises(error):
        tasks(form(forms))
