"""The server in a thread of its own, for clients that block."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kelos.errors import Invalid
from kelos.local.server.serving import create_app, open_plane, serve
from kelos.local.store import Store
from realcluster.client import Api, connect

WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"

WIDGET_DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wg"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "description": "A widget is a thing to test with.",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                                "properties": {"size": {"type": "integer", "description": "How large it is."}},
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Phase", "type": "string", "jsonPath": ".status.phase", "priority": 1},
                ],
            }
        ],
    },
}


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


class SpokenLogs:
    """A node that says two lines at once and the rest when told; one container has not started."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()

    async def read(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        limit_bytes: int | None,
        since: datetime | None,
        timestamps: bool,
    ) -> AsyncIterator[bytes]:
        if container == "late":
            text = f"container 'late' in pod '{pod}' is waiting to start: ContainerCreating"
            raise Invalid(text, status=400, reason="BadRequest")
        lines = [b"one\n", b"two\n"]
        for line in lines[-tail_lines:] if tail_lines is not None else lines:
            yield line
        if follow:
            await asyncio.to_thread(self.goes_on.wait, 30)
            yield b"three\n"


class Served:
    """A running server with the kubeconfig that leads to it; ends with the block."""

    def __init__(self, folder: Path) -> None:
        self.kubeconfig = folder / "kubeconfig"
        self.logs = SpokenLogs()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="local server")

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(timeout=120):
            raise TimeoutError("the server did not start within 120 s")
        self.api: Api = connect(self.kubeconfig)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(timeout=120)

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        store = Store()
        running = await serve(create_app(open_plane(store), "s3cret", self.logs))
        self.url = running.url
        self.kubeconfig.write_text(json.dumps(running.kubeconfig))
        self._ready.set()
        await self._end.wait()
        await running.stop()
        store.close()
