"""How quick the local plane's API server is: in process, over HTTP, and against the plainest thing that could work.

Run: python benchmarks/local_server.py [objects]
"""

from __future__ import annotations

import asyncio
import json
import ssl
import statistics
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from kelos.api.kinds import CRD, TASK, Manifest
from kelos.cluster.protocol import ChangeType, PatchType
from kelos.install.crds import build_crds
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import create_app, open_plane, serve
from kelos.local.store import Key, Store

WATCHED = 200


def task(name: str) -> Manifest:
    """A Task of about 3.8 KB."""
    spec = {"type": "demo", "prompt": "x" * 3400, "credentials": {"type": "none"}}
    return {
        "apiVersion": TASK.api_version,
        "kind": TASK.kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


async def timed(count: int, act: Callable[[int], Awaitable[object]]) -> float:
    """Milliseconds per call."""
    start = time.perf_counter()
    for at in range(count):
        await act(at)
    return (time.perf_counter() - start) / count * 1000


def plain_writes(count: int) -> float:
    """The floor: the store alone, without any rule."""
    store = Store()
    start = time.perf_counter()
    for at in range(count):
        store.put(Key(resource="plain", namespace="default", name=f"t{at}"), task(f"t{at}"))
    elapsed = (time.perf_counter() - start) / count * 1000
    store.close()
    return elapsed


async def new_plane() -> LocalCluster:
    plane = open_plane(Store())
    cluster = LocalCluster(plane)
    for definition in build_crds():
        await cluster.create(CRD, definition)
    return cluster


async def in_process(count: int) -> dict[str, float]:
    """Milliseconds per operation without HTTP."""
    cluster = await new_plane()
    result = {"create": await timed(count, lambda at: cluster.create(TASK, task(f"t{at}")))}
    phase = {"status": {"phase": "Running"}}
    result["merge-patch status"] = await timed(
        count, lambda at: cluster.patch(TASK, "default", f"t{at}", phase, subresource="status")
    )
    result["patch that changes nothing"] = await timed(
        count, lambda at: cluster.patch(TASK, "default", f"t{at}", phase, subresource="status")
    )
    result["server-side apply"] = await timed(
        count,
        lambda at: cluster.patch(
            TASK, "default", f"t{at}", task(f"t{at}"), type=PatchType.APPLY, field_manager="bench", force=True
        ),
    )
    result["get"] = await timed(count, lambda at: cluster.get(TASK, "default", f"t{at}"))
    result[f"list of {count}"] = await timed(5, lambda _: cluster.list(TASK, "default", limit=0))
    return result


class Door:
    """The same verbs over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._root = f"{url}{TASK.path('default')}"

    async def call(self, method: str, suffix: str = "", body: Any = None, kind: str = "application/json") -> bytes:
        headers = {"Content-Type": kind}
        async with self._session.request(
            method, self._root + suffix, data=None if body is None else json.dumps(body), headers=headers
        ) as response:
            raw = await response.read()
            if response.status >= 400:
                raise RuntimeError(raw.decode())
            return raw

    async def latencies(self, count: int) -> list[float]:
        """Milliseconds from sending a patch to seeing its event in a watch."""
        sent: dict[str, float] = {}
        seen: list[float] = []
        version = json.loads(await self.call("GET", "?limit=1"))["metadata"]["resourceVersion"]
        async with self._session.get(f"{self._root}?watch=true&resourceVersion={version}") as response:
            for at in range(count):
                body = {"status": {"message": str(at)}}
                sent[str(at)] = time.perf_counter()
                patching = asyncio.create_task(self.call("PATCH", "/t0/status", body, PatchType.MERGE.value))
                event = json.loads(await response.content.readline())
                assert event["type"] == ChangeType.MODIFIED.value
                seen.append((time.perf_counter() - sent[event["object"]["status"]["message"]]) * 1000)
                await patching
        return seen


async def over_http(count: int) -> tuple[dict[str, float], list[float]]:
    """Milliseconds per operation over TLS on loopback; client and server share one core's worth of Python."""
    plane = open_plane(Store())
    for definition in build_crds():
        await LocalCluster(plane).create(CRD, definition)
    running = await serve(create_app(plane, "token"))
    trust = ssl.create_default_context(cadata=running.authority)
    headers = {"Authorization": "Bearer token"}
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(headers=headers, connector=connector, read_bufsize=2**22) as session:
        door = Door(session, running.url)
        phase = {"status": {"phase": "Running"}}
        merge = PatchType.MERGE.value
        result = {"create": await timed(count, lambda at: door.call("POST", "", task(f"t{at}")))}
        result["merge-patch status"] = await timed(count, lambda at: door.call("PATCH", f"/t{at}/status", phase, merge))
        result["get"] = await timed(count, lambda at: door.call("GET", f"/t{at}"))
        result[f"list of {count}"] = await timed(5, lambda _: door.call("GET"))
        latencies = await door.latencies(WATCHED)
    await running.stop()
    return result, latencies


def memory_per_task(count: int) -> float:
    """KiB that a stored Task keeps, first state and one status included."""

    async def fill() -> float:
        cluster = await new_plane()
        await cluster.create(TASK, task("warm"))
        tracemalloc.start()
        for at in range(count):
            await cluster.create(TASK, task(f"t{at}"))
            await cluster.patch(TASK, "default", f"t{at}", {"status": {"phase": "Running"}}, subresource="status")
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return used / count / 1024

    return asyncio.run(fill())


def main(count: int) -> None:
    floor = plain_writes(count)
    inside = asyncio.run(in_process(count))
    outside, latencies = asyncio.run(over_http(count))
    print(f"floor (store alone, 3.8 KB): {floor:.3f} ms a write; everything else as a multiple of it")
    for name, milliseconds in inside.items():
        print(f"  in process  {name:28} {milliseconds:8.2f} ms {milliseconds / floor:8.1f} x")
    for name, milliseconds in outside.items():
        print(f"  over HTTP   {name:28} {milliseconds:8.2f} ms {milliseconds / floor:8.1f} x")
    print(f"  creates/s: {1000 / inside['create']:.0f} in process, {1000 / outside['create']:.0f} over HTTP")
    p99 = statistics.quantiles(latencies, n=100)[98]
    print(f"  write → watch event: p50 {statistics.median(latencies):.2f} ms, p99 {p99:.2f} ms")
    print(f"  memory: {memory_per_task(count):.1f} KiB a Task")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
