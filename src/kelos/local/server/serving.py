"""A server that runs: the application on a loopback port, and the kubeconfig that leads to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

import uvicorn
from starlette.applications import Starlette

from kelos.api.kinds import Manifest
from kelos.local.schema import compile_schema
from kelos.local.server.certificates import new_identity
from kelos.local.server.http.app import Door, application
from kelos.local.server.logs import LogReader, NoLogs
from kelos.local.server.registry import Registry
from kelos.local.server.verbs.options import WriteOptions
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.watching import Watches
from kelos.local.server.verbs.writing import create
from kelos.local.store import Key, Store

_HOST = "127.0.0.1"
_FIRST_NAMESPACES = ("default", "kube-system")
_STOP_SECONDS = 2


def open_plane(store: Store) -> Plane:
    """A plane on a store, with the namespaces that every cluster has."""
    registry = Registry(compile_schema)
    registry.load(store)
    plane = Plane(store=store, registry=registry)
    for name in _FIRST_NAMESPACES:
        if store.get(Key(resource="namespaces", namespace="", name=name)) is None:
            body = {"metadata": {"name": name}}
            create(plane, registry.namespaces, None, body, WriteOptions(manager="kube-apiserver"))
    return plane


def create_app(store: Store | Plane, token: str, logs: LogReader | None = None) -> Starlette:
    """The HTTP application on a store, or on a plane that others in this process work on too."""
    plane = store if isinstance(store, Plane) else open_plane(store)
    return application(Door(plane=plane, logs=logs or NoLogs(), token=token, watches=Watches()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that answers at `url` until it is stopped; `authority` is the PEM that vouches for it."""

    url: str
    authority: str
    kubeconfig: Manifest
    _server: uvicorn.Server
    _task: asyncio.Task[None]
    _watches: Watches

    async def stop(self) -> None:
        """End the watches, answer what is being answered, and close."""
        self._watches.end_all()
        self._server.should_exit = True
        state = self._server.server_state
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.gather(*state.tasks, return_exceptions=True)
        for connection in list(state.connections):
            # TLS would wait for the other side to say goodbye as well; an idle client does not.
            connection.transport.abort()
        await self._task


async def serve(app: Starlette, port: int = 0) -> RunningServer:
    """Serve on loopback; port 0 takes a free one. Returns once connections are accepted."""
    # asyncio turns off Nagle's algorithm, which costs 40 ms a request, only for sockets that say they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((_HOST, port))
    identity = new_identity(datetime.now(timezone.utc))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ssl_context_factory=lambda *_: identity.context,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        ready.cancel()
        task.result()
    url = f"https://{_HOST}:{listener.getsockname()[1]}"
    return RunningServer(
        url=url,
        authority=identity.authority,
        kubeconfig=kubeconfig(url, app.state.token, identity.authority),
        _server=server,
        _task=task,
        _watches=app.state.watches,
    )


def kubeconfig(url: str, token: str, authority: str, namespace: str = "default") -> Manifest:
    """A kubeconfig as JSON, which kubectl and every client library read; `authority` is PEM."""
    trusted = base64.b64encode(authority.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kelos-local", "cluster": {"server": url, "certificate-authority-data": trusted}}],
        "users": [{"name": "kelos-local", "user": {"token": token}}],
        "contexts": [
            {
                "name": "kelos-local",
                "context": {"cluster": "kelos-local", "user": "kelos-local", "namespace": namespace},
            }
        ],
        "current-context": "kelos-local",
        "preferences": {},
    }


class _QuietServer(uvicorn.Server):
    """A server inside a program of its own: it says when it is ready and leaves signals to that program."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
