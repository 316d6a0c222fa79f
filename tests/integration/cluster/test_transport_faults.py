"""A server that refuses, breaks off, is silent or lies: every request ends, in words that help and betray nothing."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from integration.cluster.certificates import self_signed
from integration.cluster.fake_api import Reply, Request, fake_api
from integration.cluster.test_client import MANIFEST, answering, served
from kelos.api.kinds import TASK
from kelos.cluster.access import ClusterAccess
from kelos.cluster.client import HttpCluster, connect
from kelos.cluster.http.transport import watchful_socket
from kelos.errors import ClusterError, Unavailable

pytestmark = pytest.mark.anyio


async def test_the_kernel_watches_over_silent_connections() -> None:
    """A network that vanished sends nothing, and a followed log has no time limit."""
    with watchful_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as made:
        assert 1 == made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert 30 == made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)


async def hang_up(request: Request, reply: Reply) -> None:
    await reply.close()


async def say_nothing(request: Request, reply: Reply) -> None:
    await reply.silence()


async def echo(request: Request, reply: Reply) -> None:
    await reply.raw(str(request.headers).encode(), 502)


VERBS: dict[str, Callable[[HttpCluster], Awaitable[object]]] = {
    "get": lambda cluster: cluster.get(TASK, "ci", "a"),
    "create": lambda cluster: cluster.create(TASK, MANIFEST),
    "patch": lambda cluster: cluster.patch(TASK, "ci", "a", {}),
    "replace": lambda cluster: cluster.replace(TASK, MANIFEST),
    "delete": lambda cluster: cluster.delete(TASK, "ci", "a"),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_only_reads_are_sent_again_over_a_broken_connection(verb: str) -> None:
    """The server may have done what we asked before the answer got lost."""
    async with served(hang_up) as (api, cluster):
        with pytest.raises(Unavailable, match="the connection broke"):
            await VERBS[verb](cluster)

    assert (2 if verb == "get" else 1) == len(api.requests)


async def test_an_answer_that_breaks_off_is_no_answer() -> None:
    """Half an object must never be taken for one."""

    async def script(request: Request, reply: Reply) -> None:
        await reply.raw(b'{"items": []}', **{"Content-Length": "1000"})
        await reply.close()

    async with served(script) as (_, cluster):
        with pytest.raises(Unavailable):
            await cluster.list(TASK, "ci")


@pytest.mark.parametrize("verb", VERBS)
async def test_a_silent_server_is_given_up(verb: str) -> None:
    """A worker must not hang on one request for ever."""
    async with served(say_nothing) as (_, cluster):
        started_at = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable, match="did not answer in time"):
            await VERBS[verb](cluster)

        assert 60 == pytest.approx(asyncio.get_running_loop().time() - started_at, abs=1)


async def test_a_slow_server_is_waited_for() -> None:
    """Admission webhooks may take half a minute."""

    async def script(request: Request, reply: Reply) -> None:
        await asyncio.sleep(50)
        await reply.json({"kind": "Task"})

    async with served(script) as (_, cluster):
        assert {"kind": "Task"} == await cluster.create(TASK, MANIFEST)


async def test_a_server_that_trickles_is_given_up() -> None:
    """One byte a second keeps a connection alive, but gets nobody anywhere."""

    async def script(request: Request, reply: Reply) -> None:
        await reply.start()
        while True:
            await reply.piece(b" ")
            await asyncio.sleep(1)

    async with served(script) as (_, cluster):
        with pytest.raises(Unavailable, match="did not answer in time"):
            await cluster.get(TASK, "ci", "a")


async def test_a_refused_connection_names_the_server() -> None:
    """The address is the first thing to check."""
    async with served(answering({})) as (api, cluster):
        await api.stop()
        with pytest.raises(Unavailable, match=rf"http://127.0.0.1:{api.port} cannot be reached: Connection refused"):
            await cluster.get(TASK, "ci", "a")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_name_that_does_not_resolve_is_said_to() -> None:
    """A typing mistake, or a VPN that is down."""
    async with await connect(ClusterAccess(server="http://k8s.invalid:6443")) as cluster:
        with pytest.raises(Unavailable, match=r"http://k8s\.invalid:6443 cannot be reached: its name does"):
            await cluster.get(TASK, "ci", "a")


async def test_a_redirect_is_not_followed() -> None:
    """It would carry the request to wherever it points."""
    async with served(answering({}, 302, Location="http://127.0.0.1:1/login")) as (api, cluster):
        with pytest.raises(ClusterError, match="answered 302"):
            await cluster.get(TASK, "ci", "a")

    assert 1 == len(api.requests)


async def test_an_unknown_certificate_is_not_trusted(tmp_path: Path) -> None:
    """Unless the kubeconfig names its authority, or says that nobody shall look."""
    certificate, key = self_signed(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with fake_api(answering({"kind": "Task"}), tls=tls) as api:
        async with await connect(api.access) as cluster:
            with pytest.raises(Unavailable, match="its certificate is not trusted; check the certificate-authority"):
                await cluster.get(TASK, "ci", "a")
        for settings in ({"certificate-authority": str(certificate)}, {"insecure-skip-tls-verify": True}):
            async with await connect(replace(api.access, cluster=settings)) as cluster:
                assert {"kind": "Task"} == await cluster.get(TASK, "ci", "a")


async def test_tls_to_a_port_without_it_is_explained() -> None:
    """The address and the port do not belong together."""

    async def answer_in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer_in_the_clear, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        async with await connect(ClusterAccess(server=f"https://127.0.0.1:{port}")) as cluster:
            with pytest.raises(Unavailable, match="cannot be reached: TLS failed"):
                await cluster.get(TASK, "ci", "a")


@pytest.mark.parametrize("proxy", ["", "http://me:hunter2@127.0.0.1:{port}", "http://me:hunter2@127.0.0.1:1"])
async def test_no_error_shows_a_credential(proxy: str) -> None:
    """They end up in logs, statuses and CI output."""
    async with fake_api(echo) as api:
        access = replace(api.access, cluster={"proxy-url": proxy.format(port=api.port)})
        async with await connect(access) as cluster:
            with pytest.raises(Unavailable) as caught:
                await cluster.get(TASK, "ci", "a")

    assert "hunter2" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
