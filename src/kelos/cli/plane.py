"""A cluster of our own: `kelos up` as a child process that ends with us, and a client for it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from kelos.api.kinds import Manifest
from kelos.cluster.access import Source, select
from kelos.cluster.client import HttpCluster, connect
from kelos.errors import KelosError

Result = TypeVar("Result")

START_SECONDS = 120
"""Far more than it takes: a machine that is busy starts it too, and one that ends is noticed at once."""
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlane:
    """A client for a plane that runs, and the process it is."""

    cluster: HttpCluster
    child: asyncio.subprocess.Process

    async def while_it_runs(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The work's result. Raises KelosError when the plane ends before."""
        doing, ended = asyncio.ensure_future(work), asyncio.ensure_future(self.child.wait())
        try:
            await asyncio.wait({doing, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise KelosError(f"The local plane ended with code {self.child.returncode}, and the Task with it")
            return doing.result()
        finally:
            for future in (doing, ended):
                future.cancel()
            await asyncio.gather(doing, ended, return_exceptions=True)


@asynccontextmanager
async def local_plane(containers: str = "auto") -> AsyncIterator[LocalPlane]:
    """Start the plane, hand out a client, stop it and everything it started."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # people call us from a checkout, and nothing in it may become a module of ours
        "-m",
        "kelos",
        "up",
        "--ephemeral",
        f"--containers={containers}",
        "--log-level=error",  # the Task's own messages tell people more
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; we end the child by closing its stdin
    )
    try:
        kubeconfig = await _kubeconfig(child)
        access = select([Source(path="the local plane", folder="/", document=kubeconfig)])
        async with await connect(access) as cluster:
            yield LocalPlane(cluster=cluster, child=child)
    finally:
        await _stop(child)


async def _kubeconfig(child: asyncio.subprocess.Process) -> Manifest:
    assert child.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await child.stdout.readline()
    except TimeoutError:
        line = b""
    try:
        found = json.loads(line)["kubeconfig"]
    except (ValueError, KeyError, TypeError):
        raise KelosError("The local plane did not start; run 'kelos up' to see why") from None
    return dict(found)


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
