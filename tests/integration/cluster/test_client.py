"""The verbs over HTTP: what goes out, and what every kind of answer becomes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timezone

import pytest

from integration.cluster.fake_api import FakeApi, Reply, Request, Script, fake_api
from kelos.api.kinds import NAMESPACE, TASK
from kelos.cluster.client import HttpCluster, connect
from kelos.cluster.protocol import ChangeType, PatchType
from kelos.errors import AlreadyExists, Invalid, TooManyRequests, Unavailable

pytestmark = pytest.mark.anyio

MANIFEST = {"metadata": {"name": "a", "namespace": "ci", "resourceVersion": "5"}}
STRICT = {"fieldValidation": "Strict"}
"""A misspelt field is refused, not dropped."""


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[tuple[FakeApi, HttpCluster]]:
    async with fake_api(script) as api, await connect(api.access) as cluster:
        yield api, cluster


def answering(value: object, status: int = 200, **headers: str) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await reply.json(value, status, **headers)

    return script


def refusing(code: int, reason: str, message: str, **headers: str) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await reply.status(code, reason, message, **headers)

    return script


async def test_get_speaks_for_the_user() -> None:
    """Path, token and format are all that the server sees."""
    async with served(answering({"kind": "Task"})) as (api, cluster):
        found = await cluster.get(TASK, "ci", "fix-bug")

    (request,) = api.requests
    assert {"kind": "Task"} == found
    assert "/apis/kelos.dev/v1alpha2/namespaces/ci/tasks/fix-bug" == request.path
    assert "Bearer s3cr3t-t0ken" == request.headers["authorization"]
    assert "application/json" == request.headers["accept"]


async def test_a_list_survives_null_items() -> None:
    """Servers write null for an empty list."""
    async with served(answering({"metadata": {"resourceVersion": "7"}, "items": None})) as (_, cluster):
        page = await cluster.list(TASK, None)

    assert ((), "7", "") == (page.items, page.resource_version, page.more)


async def test_a_list_asks_for_what_is_wanted() -> None:
    """Selectors, page size and token travel as the server knows them."""
    script = answering({"metadata": {"resourceVersion": "7", "continue": "next"}, "items": [{"metadata": {}}]})
    async with served(script) as (api, cluster):
        page = await cluster.list(TASK, "ci", labels="a=b", fields="metadata.name=x", limit=2, more="token/+=")

    wanted = {"labelSelector": "a=b", "fieldSelector": "metadata.name=x", "limit": "2", "continue": "token/+="}
    assert wanted == api.requests[0].query
    assert ("next", "Task") == (page.more, page.items[0]["kind"])


async def test_names_from_outside_stay_inside_the_path() -> None:
    """A name is one segment, whatever it contains."""
    async with served(answering({})) as (api, cluster):
        await cluster.get(TASK, "ci", "../../secrets?a=%2e#b")

    expected = "/apis/kelos.dev/v1alpha2/namespaces/ci/tasks/..%2F..%2Fsecrets%3Fa%3D%252e%23b"
    assert (expected, {}) == (api.requests[0].path, api.requests[0].query)


async def test_creating_sends_the_manifest_to_its_namespace() -> None:
    """A dry run is said in the query; a kind without namespaces has none in its path."""
    async with served(answering({})) as (api, cluster):
        await cluster.create(TASK, MANIFEST, dry_run=True)
        await cluster.create(NAMESPACE, {"metadata": {"name": "new"}})

    task, namespace = api.requests
    assert ("POST", "/apis/kelos.dev/v1alpha2/namespaces/ci/tasks", {"dryRun": "All", **STRICT}) == (
        task.method, task.path, task.query,
    )  # fmt: skip
    assert MANIFEST == task.json()
    assert ("/api/v1/namespaces", STRICT) == (namespace.path, namespace.query)


async def test_updates_go_to_the_object_or_its_subresource() -> None:
    """A status is written beside the spec; the content type says what kind of patch it is."""
    apply = {"type": PatchType.APPLY, "field_manager": "kelos", "force": True}
    async with served(answering({})) as (api, cluster):
        await cluster.replace(TASK, MANIFEST, subresource="status")
        await cluster.patch(TASK, "ci", "a", [1])
        await cluster.patch(TASK, "ci", "a", {"x": 1}, **apply)

    put, merge, server_side = api.requests
    path = "/apis/kelos.dev/v1alpha2/namespaces/ci/tasks/a"
    assert ("PUT", f"{path}/status", MANIFEST) == (put.method, put.path, put.json())
    assert ("PATCH", path, [1]) == (merge.method, merge.path, merge.json())
    assert "application/merge-patch+json" == merge.headers["content-type"]
    assert "application/apply-patch+yaml" == server_side.headers["content-type"]
    assert {"fieldManager": "kelos", "force": "true", **STRICT} == server_side.query


async def test_deletes_carry_their_preconditions() -> None:
    """Another object of the same name must not be hit."""
    async with served(answering({})) as (api, cluster):
        await cluster.delete(TASK, "ci", "a", uid="u", resource_version="5", grace_seconds=0, propagation="Foreground")
        await cluster.delete(TASK, "ci", "a")

    strict, plain = (request.json() for request in api.requests)
    assert {"uid": "u", "resourceVersion": "5"} == strict["preconditions"]
    assert (0, "Foreground") == (strict["gracePeriodSeconds"], strict["propagationPolicy"])
    assert {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"} == plain


async def test_a_refusal_is_the_servers_own_sentence() -> None:
    """It names the object; the class says what to do."""
    async with served(refusing(409, "AlreadyExists", 'tasks.kelos.dev "a" already exists')) as (_, cluster):
        with pytest.raises(AlreadyExists, match=r'tasks\.kelos\.dev "a" already exists'):
            await cluster.create(TASK, MANIFEST)


async def test_too_many_requests_is_told_and_not_retried() -> None:
    """Only the caller knows whether waiting makes sense."""
    script = refusing(429, "TooManyRequests", "slow down", **{"Retry-After": "7"})
    async with served(script) as (api, cluster):
        with pytest.raises(TooManyRequests) as caught:
            await cluster.get(TASK, "ci", "a")

    assert (7.0, 1) == (caught.value.retry_after_seconds, len(api.requests))


async def test_a_watch_asks_for_bookmarks_and_an_end() -> None:
    """Without them a quiet watch could not be resumed, and a dead one not be told from a quiet one."""

    async def script(request: Request, reply: Reply) -> None:
        await reply.start()
        await reply.event("ADDED", {"metadata": {"resourceVersion": "8"}})
        await reply.event("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
        await reply.end()

    async with served(script) as (api, cluster):
        changes = [change async for change in cluster.watch(TASK, None, resource_version="7", timeout_seconds=240)]

    wanted = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "7", "timeoutSeconds": "240"}
    assert wanted == api.requests[0].query
    assert [ChangeType.ADDED, ChangeType.BOOKMARK] == [change.type for change in changes]


async def test_a_watch_line_may_be_as_large_as_an_object() -> None:
    """An object has up to 1.5 MB and arrives in many pieces."""
    big = {"metadata": {"resourceVersion": "8"}, "spec": {"prompt": "é" * 2_000_000}}
    line = json.dumps({"type": "ADDED", "object": big}, ensure_ascii=False).encode() + b"\n"

    async def script(request: Request, reply: Reply) -> None:
        await reply.start()
        for start in range(0, len(line), 50_001):
            await reply.piece(line[start : start + 50_001])
        await reply.end()

    async with served(script) as (_, cluster):
        changes = [change async for change in cluster.watch(TASK, None, resource_version="7")]

    assert [big] == [change.object for change in changes]


async def test_leaving_a_watch_closes_its_connection() -> None:
    """A command that saw what it waited for leaves nothing behind."""
    closed = asyncio.Event()

    async def script(request: Request, reply: Reply) -> None:
        await reply.start()
        await reply.event("ADDED", {"metadata": {"resourceVersion": "8"}})
        await reply.closed()
        closed.set()

    async with served(script) as (_, cluster):
        async with aclosing(cluster.watch(TASK, None, resource_version="7")) as changes:
            await anext(changes)
        async with asyncio.timeout(10):
            await closed.wait()


async def test_logs_come_as_they_are_written() -> None:
    """Bytes as they are, however long the agent is silent: cutting them into lines is the reader's business."""

    async def script(request: Request, reply: Reply) -> None:
        await reply.start()
        await reply.piece(b"first \xff")
        await asyncio.sleep(3600)
        await reply.piece(b"second")
        await reply.end()

    since = datetime(2026, 1, 1, tzinfo=timezone.utc)
    async with served(script) as (api, cluster):
        stream = cluster.logs("ci", "pod", container="kelos-agent", follow=True, tail_lines=0, since=since)
        log = b"".join([chunk async for chunk in stream])

    wanted = {"container": "kelos-agent", "follow": "true", "tailLines": "0", "sinceTime": "2026-01-01T00:00:00+00:00"}
    assert b"first \xffsecond" == log
    assert ("/api/v1/namespaces/ci/pods/pod/log", wanted) == (api.requests[0].path, api.requests[0].query)


async def test_logs_of_a_container_that_has_not_started() -> None:
    """The follower waits and asks again."""
    script = refusing(400, "BadRequest", 'container "kelos-agent" in pod "p" is waiting to start')
    async with served(script) as (_, cluster):
        with pytest.raises(Invalid, match="waiting to start"):
            await anext(cluster.logs("ci", "p", container="kelos-agent"))


async def test_logs_that_break_off_say_so() -> None:
    """Otherwise half a log would look like a whole one."""

    async def script(request: Request, reply: Reply) -> None:
        await reply.start()
        await reply.piece(b"half")
        await reply.close()

    async with served(script) as (_, cluster):
        stream = cluster.logs("ci", "p", container="kelos-agent", follow=True)
        assert b"half" == await anext(stream)
        with pytest.raises(Unavailable):
            await anext(stream)
