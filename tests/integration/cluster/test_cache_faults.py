"""A cache over HTTP, with everything that happens to long connections: it ends equal to the server and never spins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from random import Random

import pytest

from integration.cluster.fake_api import FakeApi, Reply, Request, fake_api
from integration.cluster.model import Model
from kelos.api.kinds import TASK
from kelos.cluster.client import connect
from kelos.cluster.watch import Cache
from kelos.errors import Gone

pytestmark = pytest.mark.anyio

Fault = Callable[[Request, Reply], Awaitable[bool]]
"""Does something to a request; whether that was the whole answer."""


class Scene:
    """A true server, its door, a cache that follows it; `faults` befall the next requests one by one."""

    def __init__(self) -> None:
        self.model = Model()
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.api = FakeApi(self.serve)
        self.cache: Cache

    @property
    def lists(self) -> list[Request]:
        return [request for request in self.api.requests if not request.is_watch]

    @property
    def watches(self) -> list[Request]:
        return [request for request in self.api.requests if request.is_watch]

    async def serve(self, request: Request, reply: Reply) -> None:
        fault = self.faults.pop(0) if self.faults else self.always
        if fault and await fault(request, reply):
            return
        if request.is_watch:
            await self._serve_watch(request, reply)
        else:
            await self._serve_list(request, reply)

    async def _serve_list(self, request: Request, reply: Reply) -> None:
        limit, more = int(request.query["limit"]), request.query.get("continue", "")
        try:
            page = await self.model.list(TASK, None, limit=limit, more=more)
        except Gone as error:
            await reply.status(410, "Expired", str(error))
            return
        metadata = {"resourceVersion": page.resource_version, "continue": page.more}
        await reply.json({"metadata": metadata, "items": list(page.items) or None})

    async def _serve_watch(self, request: Request, reply: Reply) -> None:
        version, seconds = request.query["resourceVersion"], int(request.query["timeoutSeconds"])
        started = False
        try:
            async with aclosing(
                self.model.watch(TASK, None, resource_version=version, timeout_seconds=seconds)
            ) as changes:
                if int(version) >= self.model.compacted:
                    started = True
                    await reply.start()
                async for change in changes:
                    await reply.event(change.type.value, change.object)
        except Gone:
            if not started:
                await reply.status(410, "Expired", "too old resource version")
                return
            await reply.event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
        await reply.end()

    async def settle(self, seconds: float = 60) -> None:
        await asyncio.sleep(seconds)

    def versions(self) -> tuple[dict[str, str], dict[str, str]]:
        """What the server has and what the cache has."""
        server, cache = self.model.objects.values(), self.cache.list()
        return (
            {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in server},
            {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in cache},
        )

    def assert_equal(self) -> None:
        server, cache = self.versions()
        assert server == cache


@asynccontextmanager
async def watching(*names: str) -> AsyncIterator[Scene]:
    """A cache that is synced with a server which has these objects."""
    scene = Scene()
    for name in names:
        scene.model.write(name)
    async with fake_api(scene.serve) as scene.api, await connect(scene.api.access) as cluster:
        scene.cache = Cache(cluster, TASK, rng=Random(1))
        running = asyncio.create_task(scene.cache.run())
        try:
            async with asyncio.timeout(100):
                await scene.cache.wait_synced()
            await scene.settle(1)
            yield scene
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.wait({running})


def answer(code: int, reason: str, **headers: str) -> Fault:
    async def fault(request: Request, reply: Reply) -> bool:
        await reply.status(code, reason, "on purpose", **headers)
        return True

    return fault


async def hang_up(request: Request, reply: Reply) -> bool:
    await reply.close()
    return True


async def end_at_once(request: Request, reply: Reply) -> bool:
    if not request.is_watch:
        return False
    await reply.start()
    await reply.end()
    return True


async def say_nothing(request: Request, reply: Reply) -> bool:
    await reply.silence()
    return True


async def go_silent_after_the_head(request: Request, reply: Reply) -> bool:
    await reply.start()
    await reply.silence()
    return True


async def break_off_in_a_line(request: Request, reply: Reply) -> bool:
    await reply.start()
    await reply.piece(b'{"type": "ADDED", "object": {"metadata": {"na')
    await reply.end()
    return True


async def break_off_in_a_chunk(request: Request, reply: Reply) -> bool:
    await reply.start()
    await reply.piece(b'{"type": "ADDED", "object": {"metadata": {"na')
    await reply.close()
    return True


async def say_that_it_expired(request: Request, reply: Reply) -> bool:
    await reply.start()
    await reply.event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
    await reply.end()
    return True


async def break_watches(scene: Scene) -> None:
    """Cut all connections and listen again at once."""
    await scene.api.stop()
    await scene.api.start()


async def test_changes_arrive() -> None:
    """The plain case: added, modified, deleted; one list, one watch."""
    async with watching("kept", "removed") as scene:
        scene.model.write("added")
        scene.model.write("kept")
        scene.model.remove("removed")
        await scene.settle(1)

        scene.assert_equal()
        assert (1, 1) == (len(scene.lists), len(scene.watches))


async def test_a_large_list_comes_in_pages() -> None:
    """A cluster may have more Tasks than fit into one answer."""
    async with watching(*(f"task-{number:04}" for number in range(1234))) as scene:
        scene.assert_equal()
        assert [None, "500@1235", "1000@1235"] == [request.query.get("continue") for request in scene.lists]
        assert {"500"} == {request.query["limit"] for request in scene.lists}


async def test_a_list_that_expires_between_pages_begins_again() -> None:
    """Half a list must not be taken for the whole."""
    async with watching(*(f"task-{number:04}" for number in range(700))) as scene:

        async def expire_between_pages(request: Request, reply: Reply) -> bool:
            if "continue" not in request.query:
                return False
            scene.model.remove("task-0000")
            scene.model.compact()
            scene.always = None
            return False

        scene.faults = [answer(410, "Expired")]
        scene.always = expire_between_pages
        await break_watches(scene)
        await scene.settle()

        scene.assert_equal()
        assert [None, "500@701", None, "500@702"] == [request.query.get("continue") for request in scene.lists[2:]]


@pytest.mark.parametrize("fault", [hang_up, break_off_in_a_line, break_off_in_a_chunk, answer(500, "InternalError")])
async def test_a_broken_watch_goes_on_where_it_was(fault: Fault) -> None:
    """Nothing is listed again, and what happened in the gap is seen."""
    async with watching("kept", "removed") as scene:
        scene.faults = [fault, fault]
        await break_watches(scene)
        scene.model.write("added")
        scene.model.remove("removed")
        await scene.settle()

        scene.assert_equal()
        assert 1 == len(scene.lists)
        assert {"3"} == {request.query["resourceVersion"] for request in scene.watches}


async def test_a_bookmark_moves_the_place_to_go_on_from() -> None:
    """A quiet watch would otherwise go on from a version that the server has forgotten."""
    async with watching("quiet") as scene:
        scene.model.version = 900
        scene.model.bookmark()
        await scene.settle(1)
        scene.model.compact()
        await break_watches(scene)
        await scene.settle()

        assert "900" == scene.watches[-1].query["resourceVersion"]
        assert 1 == len(scene.lists)


@pytest.mark.parametrize("fault", [answer(410, "Expired"), answer(410, "Gone"), say_that_it_expired])
async def test_a_forgotten_version_is_listed_anew_and_missed_deletes_are_seen(fault: Fault) -> None:
    """As status and as event; an object that went away in the gap would stay for ever."""
    async with watching("kept", "removed", "recreated") as scene:
        deleted: list[str] = []
        scene.cache.subscribe(lambda old, new: deleted.append((old or {})["metadata"]["name"]) if new is None else None)
        scene.faults = [fault]
        await break_watches(scene)
        for name in ("removed", "recreated"):
            scene.model.remove(name)
        scene.model.write("recreated")
        scene.model.write("added")
        scene.model.compact()
        await scene.settle()

        scene.assert_equal()
        assert ["recreated", "removed"] == sorted(deleted)
        assert 2 == len(scene.lists)


async def test_a_server_that_is_down_for_a_while_is_not_stormed() -> None:
    """Ten minutes without a server are a few dozen attempts, and half a minute after its return all is well."""
    async with watching("kept", "removed") as scene:
        attempts = 0

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal attempts
            attempts += 1
            writer.transport.abort()

        await scene.api.stop()
        server = await asyncio.start_server(refuse, "127.0.0.1", scene.api.port)
        scene.model.remove("removed")
        await scene.settle(600)
        assert not scene.cache.freshness().is_healthy
        assert "cannot be reached" in scene.cache.freshness().last_error
        server.close()
        await scene.api.start()
        await scene.settle(31)

        scene.assert_equal()
        assert 20 <= attempts <= 60
        assert scene.cache.freshness().is_healthy


@pytest.mark.parametrize(
    "fault",
    [answer(500, "InternalError"), answer(410, "Expired"), answer(403, "Forbidden"), end_at_once, say_that_it_expired],
)
async def test_a_server_that_only_ever_fails_is_not_stormed(fault: Fault) -> None:
    """The delay grows although lists succeed in between: five minutes are at most forty requests."""
    async with watching("kept") as scene:

        async def watches_fail(request: Request, reply: Reply) -> bool:
            return request.is_watch and await fault(request, reply)

        scene.always = watches_fail
        await break_watches(scene)
        before = len(scene.api.requests)
        await scene.settle(300)
        assert 10 <= len(scene.api.requests) - before <= 60
        scene.always = None
        scene.model.write("added")
        await scene.settle(31)

        scene.assert_equal()


async def test_too_many_requests_are_waited_out() -> None:
    """The server knows best when it can be asked again."""
    async with watching("kept") as scene:
        scene.faults = [answer(429, "TooManyRequests", **{"Retry-After": "77"})]
        await break_watches(scene)
        await scene.settle(100)

        refused, next_one = scene.watches[-2:]
        assert 77 <= next_one.at - refused.at <= 80


@pytest.mark.parametrize("fault", [say_nothing, go_silent_after_the_head])
async def test_a_dead_connection_is_noticed(fault: Fault) -> None:
    """Half-open connections say nothing for ever: fifteen seconds after the promised end the watch is given up."""
    async with watching("kept") as scene:
        scene.faults = [fault]
        await break_watches(scene)
        await scene.settle(1)
        scene.model.write("added")
        await scene.settle(480 + 15 + 5)

        scene.assert_equal()
        dead, next_one = scene.watches[-2:]
        limit = int(dead.query["timeoutSeconds"]) + 15
        assert limit <= next_one.at - dead.at <= limit + 2


async def test_watches_end_at_different_times() -> None:
    """A hundred controllers must not come back in the same second."""
    async with watching("kept") as scene:
        await scene.settle(3600)

        timeouts = {int(request.query["timeoutSeconds"]) for request in scene.watches}
        assert len(timeouts) > 5
        assert timeouts <= set(range(240, 481))
        assert 1 == len(scene.lists)
        assert scene.cache.freshness().is_healthy


async def test_a_forbidden_kind_is_told_and_tried_again() -> None:
    """Rights are often granted a moment after the start."""
    async with watching("kept") as scene:
        scene.always = answer(403, "Forbidden")
        await break_watches(scene)
        await scene.settle(5)

        assert "on purpose" == scene.cache.freshness().last_error
        scene.always = None
        scene.model.write("added")
        await scene.settle()
        scene.assert_equal()
        assert "" == scene.cache.freshness().last_error
