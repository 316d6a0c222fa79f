"""CPU per cached event and per request: our client and cache beside the official ones, on one stream of pods."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

PODS, EVENTS, REQUESTS = 1_000, 20_000, 2_000
LAST = str(PODS + EVENTS)


def pod(number: int, version: int) -> dict[str, Any]:
    """A pod of about 3.8 KB, a third of it managedFields."""
    container = {
        "name": "agent",
        "image": "example.invalid/agent:1",
        "env": [{"name": f"V{n}", "value": "x" * 40} for n in range(20)],
    }
    fields = {f"f:field-{n}": {".": {}, "f:name": {}, "f:value": {}} for n in range(24)}
    metadata = {
        "name": f"pod-{number}",
        "namespace": "default",
        "uid": f"uid-{number}",
        "resourceVersion": str(version),
        "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container]},
        "status": {"phase": "Running"},
    }


async def serve() -> None:
    """The server process: the same bytes for everybody."""
    items = [pod(number, number + 1) for number in range(PODS)]
    one = json.dumps(items[0]).encode()
    listed = json.dumps(
        {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": str(PODS)}, "items": items}
    ).encode()
    events = [
        json.dumps({"type": "MODIFIED", "object": pod(number % PODS, PODS + number + 1)}).encode() + b"\n"
        for number in range(EVENTS)
    ]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
                if b"watch=" in target:
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                    )
                    for event in events:
                        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                        await writer.drain()
                    await asyncio.sleep(3600)
                body = one if b"/pods/" in target else listed
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                    + body
                )
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def our_cluster(port: int) -> AsyncIterator[Any]:
    from kelos.cluster.client import connect
    from kelos.cluster.kubeconfig import ClusterAccess

    async with await connect(ClusterAccess(server=f"http://127.0.0.1:{port}")) as cluster:
        yield cluster


async def our_cache(port: int) -> float:
    from kelos.api.kinds import POD
    from kelos.cluster.watch import Cache

    async with our_cluster(port) as cluster:
        cache, seen = Cache(cluster, POD, indexes={"phase": lambda pod: [pod["status"]["phase"]]}), asyncio.Event()
        cache.subscribe(lambda old, new: seen.set() if new and new["metadata"]["resourceVersion"] == LAST else None)
        started = time.process_time()
        running = asyncio.create_task(cache.run())
        await seen.wait()
        spent = time.process_time() - started
        running.cancel()
        await asyncio.wait({running})
    return spent / (PODS + EVENTS)


async def our_get(port: int) -> float:
    from kelos.api.kinds import POD

    async with our_cluster(port) as cluster:
        return await per_request(lambda: cluster.get(POD, "default", "pod-0"))


async def official_informer(port: int) -> float:
    from kubernetes import client
    from kubernetes.informer import SharedInformer

    api = client.CoreV1Api(client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{port}")))
    seen = threading.Event()
    informer = SharedInformer(list_func=api.list_pod_for_all_namespaces)
    informer.add_event_handler("MODIFIED", lambda pod: seen.set() if pod.metadata.resource_version == LAST else None)
    started = time.process_time()
    informer.start()
    await asyncio.to_thread(seen.wait)
    return (time.process_time() - started) / (PODS + EVENTS)


async def official_get(port: int) -> float:
    from kubernetes.aio import client

    async with client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{port}")) as api:
        core = client.CoreV1Api(api)
        return await per_request(lambda: core.read_namespaced_pod("pod-0", "default"))


async def per_request(ask: Callable[[], Awaitable[Any]]) -> float:
    for _ in range(20):
        await ask()
    started = time.process_time()
    for _ in range(REQUESTS):
        await ask()
    return (time.process_time() - started) / REQUESTS


CASES = {
    "cached event": ("our_cache", "official_informer"),
    "GET of one pod": ("our_get", "official_get"),
}


def measure(name: str, port: int) -> float:
    """Seconds of CPU per operation, in a fresh process."""
    command = [sys.executable, __file__, name, str(port)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def main() -> None:
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        print(f"{'operation':<18}{'ours µs':>10}{'official µs':>13}{'ratio':>8}")
        for operation, (ours, theirs) in CASES.items():
            our_seconds, their_seconds = measure(ours, port), measure(theirs, port)
            ratio = their_seconds / our_seconds
            print(f"{operation:<18}{our_seconds * 1e6:>10.0f}{their_seconds * 1e6:>13.0f}{ratio:>8.1f}")
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    elif sys.argv[1:]:
        sys.stdout.write(str(asyncio.run(globals()[sys.argv[1]](int(sys.argv[2])))))
        sys.stdout.flush()
        sys.exit(0)
    else:
        main()
