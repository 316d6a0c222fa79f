"""What a kubelet and Prometheus ask of a process: /healthz, /readyz and /metrics, over plain HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kelos.telemetry.metrics import CONTENT_TYPE, Metrics

Complaint = Callable[[], str]
"""A sentence about what is wrong, or nothing."""

STOP_SECONDS = 2


def create_app(*, alive: Complaint, ready: Complaint, metrics: Metrics) -> Starlette:
    """200 while there is nothing to complain of, else 503 with the sentence."""

    async def healthz(_: Request) -> Response:
        return _answer(alive())

    async def readyz(_: Request) -> Response:
        return _answer(alive() or ready())

    async def numbers(_: Request) -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", numbers)])


@asynccontextmanager
async def heartbeat(app: Starlette, port: int) -> AsyncIterator[int]:
    """Serve on every address, as a kubelet asks from outside the pod, until the block ends; 0 takes a free port.

    Raises OSError when the port cannot be had.
    """
    listener = socket.create_server(("", port))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        limit_concurrency=64,
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(task, STOP_SECONDS + 1)


class _Quiet(uvicorn.Server):
    """Signals belong to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _answer(complaint: str) -> Response:
    return PlainTextResponse(f"{complaint or 'ok'}\n", status_code=503 if complaint else 200)
