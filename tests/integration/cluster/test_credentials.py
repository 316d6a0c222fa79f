"""Tokens that rotate, programs that give them, certificates: the server sees who we are, and nobody else does."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integration.cluster.certificates import self_signed
from integration.cluster.fake_api import FakeApi, Reply, Request, fake_api
from integration.cluster.test_client import answering
from kelos.api.kinds import TASK
from kelos.cluster.access import ClusterAccess
from kelos.cluster.client import connect
from kelos.cluster.http.credentials import Credentials
from kelos.errors import Unauthorized, UserError

# Programs take real time.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

V1 = "client.authentication.k8s.io/v1"


def access(user: dict[str, Any]) -> ClusterAccess:
    return ClusterAccess(server="http://127.0.0.1:1", origin="context 'work' of kubeconfig 'config'", user=user)


def plugin(body: str, **settings: Any) -> dict[str, Any]:
    """A user whose credentials come from a Python program; `give(**status)` prints them."""
    program = (
        "import json, os, sys\n"
        f"def give(**status): print(json.dumps(dict(apiVersion={V1!r}, kind='ExecCredential', status=status)))\n"
    )
    return {"exec": {"apiVersion": V1, "command": sys.executable, "args": ["-c", program + body], **settings}}


async def header(user: dict[str, Any], now: float = 0.0) -> str:
    return await Credentials(access(user), ssl.create_default_context(), lambda: now).header()


async def test_a_user_without_credentials_is_anonymous() -> None:
    """The local plane needs none."""
    assert "" == await header({})


async def test_a_password_is_sent_as_basic_authentication() -> None:
    """Some proxies in front of clusters still want it."""
    assert "Basic bWU6aHVudGVyMg==" == await header({"username": "me", "password": "hunter2"})


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    """The kubelet writes a new token into the same file long before the old one expires."""
    path, now = tmp_path / "token", [0.0]
    path.write_text("first\n")
    credentials = Credentials(access({"tokenFile": str(path)}), ssl.create_default_context(), lambda: now[0])
    seen = [await credentials.header()]
    path.write_text("second\n")
    seen.append(await credentials.header())
    now[0] = 61.0
    seen.append(await credentials.header())

    assert ["Bearer first", "Bearer first", "Bearer second"] == seen


async def test_a_token_file_that_vanished_is_a_refusal_not_a_crash(tmp_path: Path) -> None:
    """A controller that runs waits until the file is back."""
    path, now = tmp_path / "token", [0.0]
    path.write_text("first")
    credentials = Credentials(access({"tokenFile": str(path)}), ssl.create_default_context(), lambda: now[0])
    await credentials.header()
    path.unlink()
    now[0] = 61.0

    with pytest.raises(Unauthorized, match="cannot be read"):
        await credentials.header()


async def test_a_plugin_runs_once_until_its_token_expires() -> None:
    """A cloud's login takes seconds; every request would pay for it."""
    user = plugin("give(token=str(os.getpid()), expirationTimestamp='1970-01-01T01:00:00Z')")
    now = [0.0]
    credentials = Credentials(access(user), ssl.create_default_context(), lambda: now[0])
    first, again = await credentials.header(), await credentials.header()
    now[0] = 3600 - 59
    later = await credentials.header()

    assert first == again != later


async def test_a_plugin_learns_what_it_asks_for() -> None:
    """Its environment, and with `provideClusterInfo` the cluster."""
    body = (
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO']); give(token=os.environ['A'] + json.dumps(info['spec']))"
    )
    user = plugin(body, env=[{"name": "A", "value": "b"}], provideClusterInfo=True)
    spec = json.loads((await header(user)).removeprefix("Bearer b"))

    assert {"interactive": False, "cluster": {"server": "http://127.0.0.1:1"}} == spec


@pytest.mark.parametrize(
    ("body", "settings", "words"),
    [
        ("", {"command": "no-such-login", "installHint": "get it\nhere"}, "No such file or directory; get it here"),
        ("give(token='t')", {"command": ""}, "names no command"),
        ("give(token='t')", {"interactiveMode": "Always"}, "wants a terminal"),
        ("give(token='t')", {"apiVersion": "client.authentication.k8s.io/v9"}, "does not speak client.authentication"),
        ("give()", {}, "neither a token nor a certificate"),
        ("give(token='t', expirationTimestamp='soon')", {}, "did not print an ExecCredential"),
        ("print('hunter2')", {}, "did not print an ExecCredential"),
        ("print(json.dumps(['hunter2']))", {}, "did not print an ExecCredential"),
        ("print('hunter2'); sys.exit('first\\nplease \\x1b[31mlog in')", {}, "exit code 1: please ?[31mlog in"),
        ("give(token='hunter2\\nX-Other: header')", {}, "characters that no header may carry"),
    ],
)  # fmt: skip
async def test_a_plugin_that_fails_is_explained(body: str, settings: dict[str, Any], words: str) -> None:
    """In one sentence that names whose plugin it is, and never shows what may be a token."""
    with pytest.raises(UserError) as caught:
        await header(plugin(body, **settings))

    assert words in str(caught.value)
    assert "context 'work' of kubeconfig 'config'" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_plugin_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that waits for a browser would hang a pipeline for hours."""
    monkeypatch.setattr("kelos.cluster.http.plugins.PLUGIN_SECONDS", 0.2)

    with pytest.raises(UserError, match=r"did not end within 0\.2 seconds"):
        await header(plugin("sys.stdin.read(); import time; time.sleep(600)"))


async def test_a_refused_token_is_renewed_and_the_request_sent_again() -> None:
    """A revoked token is found out before its expiry; nothing was done yet, so even a create may be repeated."""

    async def script(request: Request, reply: Reply) -> None:
        if len(api.requests) == 1:
            await reply.status(401, "Unauthorized")
        else:
            await reply.json({"kind": "Task"})

    user = plugin("give(token=str(os.getpid()))")
    async with fake_api(script) as api, await connect(replace(api.access, user=user)) as cluster:
        await cluster.create(TASK, {"metadata": {"name": "a", "namespace": "ci"}})

    first, second = (request.headers["authorization"] for request in api.requests)
    assert first != second
    assert api.requests[0].body == api.requests[1].body


@pytest.mark.parametrize("user", [{"token": "t"}, plugin("give(token='same')"), plugin("give(token=str(os.getpid()))")])
async def test_a_token_that_stays_refused_is_an_error(user: dict[str, Any]) -> None:
    """Trying for ever would look like an attack."""

    async def script(request: Request, reply: Reply) -> None:
        await reply.status(401, "Unauthorized", "who are you?")

    async with fake_api(script) as api, await connect(replace(api.access, user=user)) as cluster:
        with pytest.raises(Unauthorized, match="who are you"):
            await cluster.get(TASK, "ci", "a")

    assert len(api.requests) <= 2


def demanding_tls(folder: Path) -> tuple[ssl.SSLContext, dict[str, str], Path, Path]:
    """A server that wants a certificate of `me`."""
    server, server_key = self_signed(folder, "server")
    me, my_key = self_signed(folder, "me")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(me))
    tls.load_cert_chain(server, server_key)
    tls.verify_mode = ssl.CERT_REQUIRED
    return tls, {"certificate-authority": str(server)}, me, my_key


async def reach(api: FakeApi, cluster_settings: dict[str, str], user: dict[str, Any]) -> object:
    async with await connect(replace(api.access, cluster=cluster_settings, user=user)) as cluster:
        return await cluster.get(TASK, "ci", "a")


async def test_a_client_certificate_is_presented(tmp_path: Path) -> None:
    """From files, as data, or from a plugin; no copy of the key stays on the disk."""
    tls, settings, me, key = demanding_tls(tmp_path)
    pair = {"client-certificate": str(me), "client-key": str(key)}
    data = {f"{name}-data": encoded(Path(path)) for name, path in pair.items()}
    body = f"give(clientCertificateData=open({str(me)!r}).read(), clientKeyData=open({str(key)!r}).read())"
    async with fake_api(answering({"kind": "Task"}), tls=tls) as api:
        for user in (pair, data, plugin(body)):
            assert {"kind": "Task"} == await reach(api, settings, user)


def encoded(path: Path) -> str:
    return base64.encodebytes(path.read_bytes()).decode()


@pytest.mark.parametrize("user", [{"client-certificate-data": "eA=="}, {"client-key-data": "eA=="}])
async def test_half_a_pair_is_a_mistake(user: dict[str, str]) -> None:
    """Silently going on as nobody would end in a puzzling 403."""
    with pytest.raises(UserError, match="has only one of client-certificate and client-key"):
        await header(user)


async def test_a_certificate_that_is_none_is_a_mistake() -> None:
    """The sentence names the context, and shows nothing of the key."""
    with pytest.raises(UserError, match="of context 'work' of kubeconfig 'config' are not a PEM pair"):
        await header({"client-certificate-data": "eA==", "client-key-data": "eA=="})


async def test_an_authority_that_is_none_is_a_mistake() -> None:
    """It is read before anything is sent."""
    with pytest.raises(UserError, match="certificate-authority of the caller is not a PEM certificate"):
        await connect(ClusterAccess(server="https://k8s", cluster={"certificate-authority-data": "eA=="}))


async def test_an_oidc_token_is_renewed_by_the_official_client() -> None:
    """The providers from before plugins are theirs to know; a token that is still good is used as it is."""
    config = {"id-token": "e30.e30.e30", "client-id": "c", "client-secret": "s", "idp-issuer-url": "http://127.0.0.1:1"}
    user = {"auth-provider": {"name": "oidc", "config": config}}

    assert "Bearer e30.e30.e30" == await header(user)


async def test_an_oidc_session_that_ended_says_to_sign_in() -> None:
    """Nothing of the tokens is shown."""
    user = {"auth-provider": {"name": "oidc", "config": {"client-id": "hunter2"}}}
    with pytest.raises(UserError, match=r"auth-provider of context 'work' .* gave no token; sign in"):
        await header(user)


async def test_a_socks_proxy_is_refused_with_a_reason() -> None:
    """kubectl takes it; we say that we do not."""
    with pytest.raises(UserError, match="must start with http:// or https://"):
        await connect(ClusterAccess(server="https://k8s", cluster={"proxy-url": "socks5://127.0.0.1:1"}))


async def test_concurrent_requests_share_one_run_of_the_plugin() -> None:
    """Sixteen workers start at once; one login is enough."""
    user = plugin("give(token=str(os.getpid()))")
    credentials = Credentials(access(user), ssl.create_default_context())
    headers = await asyncio.gather(*(credentials.header() for _ in range(5)))

    assert 1 == len(set(headers))
