"""A reverse proxy that counts who asks for what."""

from __future__ import annotations

import base64
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

HOP_BY_HOP = ("connection", "content-length", "host", "transfer-encoding")


class Counts:
    """Requests by what they do: `POST jobs`, `PATCH tasks/status`, `get pods`, `list pods`, `watch pods`."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def clear(self) -> None:
        self.requests.clear()
        self.refused.clear()

    def writes(self) -> dict[str, int]:
        return {name: count for name, count in self.requests.items() if name[0].isupper() and not _is_event(name)}

    def events(self) -> int:
        return sum(count for name, count in self.requests.items() if _is_event(name))

    def reads(self) -> dict[str, int]:
        return {name: count for name, count in self.requests.items() if name[0].islower()}


@asynccontextmanager
async def counting_proxy(kubeconfig: Path, folder: Path) -> AsyncIterator[tuple[Path, Counts]]:
    """Yields a kubeconfig that leads through the proxy to the server of `kubeconfig`, which must have a token."""
    document = yaml.safe_load(kubeconfig.read_text())  # noqa: ASYNC240 - nothing else runs yet
    server, token = document["clusters"][0]["cluster"], document["users"][0]["user"]["token"]
    tls = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
    counts = Counts()
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=0),
        headers={"Authorization": f"Bearer {token}"},
        timeout=timeout,
        auto_decompress=False,
    ) as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            name = _name(request)
            counts.requests[name] += 1
            headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP}
            target = f"{server['server']}{request.path_qs}"
            async with session.request(request.method, target, data=await request.read(), headers=headers) as answer:
                if answer.status >= 400:
                    counts.refused[f"{name} {answer.status}"] += 1
                kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_BY_HOP}
                response = web.StreamResponse(status=answer.status, headers=kept)
                with suppress(ConnectionError):  # the controller may leave at any time
                    await response.prepare(request)
                    async for chunk in answer.content.iter_any():
                        await response.write(chunk)
                return response

        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", forward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            path = folder / "proxied"
            path.write_text(json.dumps(_kubeconfig(f"http://127.0.0.1:{runner.addresses[0][1]}")))
            yield path, counts
        finally:
            await runner.cleanup()


def _name(request: web.Request) -> str:
    """Verb and resource: `/api/v1/namespaces/x/pods/y/status` is `pods/status`."""
    parts = request.path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[0] == "namespaces" and len(parts) > 2:
        parts = parts[2:]
    resource = "/".join(parts[::2])
    if request.method != "GET":
        return f"{request.method} {resource}"
    if "watch" in request.query:
        return f"watch {resource}"
    return f"{'list' if len(parts) == 1 else 'get'} {resource}"


def _is_event(name: str) -> bool:
    return name.endswith(" events")


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxied", "cluster": {"server": server}}],
        "contexts": [{"name": "proxied", "context": {"cluster": "proxied"}}],
        "current-context": "proxied",
    }
