"""The verbs over HTTP: what goes out, and what every kind of answer becomes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from integration.cluster.fake_api import FakeApi, Reply, Request, Script, fake_api
from kelos.api.kinds import TASK
from kelos.cluster.client import HttpCluster, connect

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[tuple[FakeApi, HttpCluster]]:
    async with fake_api(script) as api, await connect(api.access) as cluster:
        yield api, cluster


def answering(value: object, status: int = 200, **headers: str) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await reply.json(value, status, **headers)

    return script


async def test_get_speaks_for_the_user():
    """Path, token and format are all that the server sees."""
    async with served(answering({"kind": "Task"})) as (api, cluster):
        found = await cluster.get(TASK, "ci", "fix-bug")

    (request,) = api.requests
    assert {"kind": "Task"} == found
    assert "/apis/kelos.dev/v1alpha2/namespaces/ci/tasks/fix-bug" == request.path
    assert "Bearer s3cr3t-t0ken" == request.headers["authorization"]
    assert "application/json" == request.headers["accept"]


async def test_a_list_survives_null_items():
    """Servers write null for an empty list."""
    async with served(answering({"metadata": {"resourceVersion": "7"}, "items": None})) as (_, cluster):
        page = await cluster.list(TASK, None)

    assert ((), "7", "") == (page.items, page.resource_version, page.more)
