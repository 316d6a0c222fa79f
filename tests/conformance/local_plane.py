"""The local plane in a thread of its own, so that tests can talk to it like to any server."""

import asyncio
import json
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

from kelos.local.cluster import LocalCluster
from kelos.local.garbage.collector import run_garbage_collector
from kelos.local.garbage.expiry import run_job_expiry
from kelos.local.jobs.control.loop import run_job_controller
from kelos.local.server.serving import create_app, open_plane, serve
from kelos.local.store import Store
from kelos.processes.plane import COLLECTED
from realcluster.client import Api, connect


class LocalPlane:
    """A running local plane; ends with the block."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="kelos-conformance-")
        self.kubeconfig = Path(self._folder.name) / "kubeconfig"
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="local plane")
        self._ready = threading.Event()
        self._thread.start()
        if not self._ready.wait(timeout=120):
            raise TimeoutError("the local plane did not start within 120 s")
        self.api: Api = connect(self.kubeconfig)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(timeout=120)
        self._folder.cleanup()

    def _with_a_past(self) -> Path:
        """A database that another process wrote to: the changes before this one are forgotten, as on any old server."""
        file = Path(self._folder.name) / "plane.db"
        before = Store(file)
        open_plane(before)
        before.close()
        return file

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        token = token_hex(16)
        plane = open_plane(Store(self._with_a_past()))
        running = await serve(create_app(plane, token))
        self.kubeconfig.write_text(json.dumps(running.kubeconfig))
        self._ready.set()
        controllers = asyncio.gather(*self._controllers(LocalCluster(plane)), return_exceptions=True)
        await self._end.wait()
        controllers.cancel()
        with suppress(asyncio.CancelledError):
            await controllers
        await running.stop()

    def _controllers(self, cluster: LocalCluster) -> Iterator[Coroutine[Any, Any, None]]:
        """What a controller-manager is to a real server."""
        yield run_garbage_collector(cluster, COLLECTED)
        yield run_job_expiry(cluster)
        yield run_job_controller(cluster)
