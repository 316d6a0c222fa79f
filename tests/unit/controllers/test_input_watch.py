"""Who waits for a Secret hears of it, at a cost that a cluster in trouble does not raise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kelos.api.kinds import SECRET
from kelos.cluster.protocol import Page
from kelos.controllers.input_watch import InputWatches
from kelos.errors import Forbidden

pytestmark = pytest.mark.anyio

SPAWNER = ("team", "bugs")


class WithoutWatches:
    """A cluster whose Secrets may be listed and not watched."""

    def __init__(self) -> None:
        self.lists = 0

    async def list(self, *_: Any, **__: Any) -> Page:
        self.lists += 1
        return Page(items=({"metadata": {"name": "login", "resourceVersion": "7"}},), resource_version="7")

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        raise Forbidden("secrets is forbidden")
        yield


async def test_a_watch_that_cannot_be_had_is_no_reason_to_look_again_and_again():
    """Each look may ask somebody else's server, with a password that he refused already."""
    cluster, woken = WithoutWatches(), list[Any]()

    def wake(key: Any) -> None:
        woken.append(key)
        asyncio.get_running_loop().call_soon(watches.expect, key, ("login",))

    watches = InputWatches(cluster, SECRET, wake)  # type: ignore[arg-type]
    watches.expect(SPAWNER, ("login",))
    for _ in range(100):
        await asyncio.sleep(0)
    watches.expect(SPAWNER, ("login",))
    await watches.close()

    assert 1 == cluster.lists
    assert [SPAWNER] == woken
