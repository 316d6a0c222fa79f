"""The probes and numbers of a process, as a kubelet and Prometheus ask for them."""

from __future__ import annotations

import socket

import httpx
import pytest

from kelos.telemetry.heartbeat import create_app, heartbeat
from kelos.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("alive", "ready", "answers"),
    [
        ("", "", [(200, "ok\n"), (200, "ok\n")]),
        ("", "Still reading Task", [(200, "ok\n"), (503, "Still reading Task\n")]),
        ("A pass hangs", "", [(503, "A pass hangs\n"), (503, "A pass hangs\n")]),
    ],
)
async def test_a_complaint_is_an_answer_of_503(alive, ready, answers):
    """What is dead is not ready either."""
    app = create_app(alive=lambda: alive, ready=lambda: ready, metrics=Metrics())
    async with heartbeat(app, 0) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        found = [await http.get(path) for path in ("/healthz", "/readyz")]

        assert answers == [(answer.status_code, answer.text) for answer in found]


async def test_the_numbers_are_served():
    metrics = Metrics()
    metrics.queue("task").depth(3)
    app = create_app(alive=lambda: "", ready=lambda: "", metrics=metrics)
    async with heartbeat(app, 0) as port, httpx.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{port}/metrics")

        assert 'kelos_queue_depth{queue="task"} 3.0' in answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_nothing_is_served_afterwards():
    async with heartbeat(create_app(alive=lambda: "", ready=lambda: "", metrics=Metrics()), 0) as port:
        pass

    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
