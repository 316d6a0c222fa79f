"""The same client, cache and election against both servers: the local plane and a real kube-apiserver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any

import pytest

from conformance.local_plane import LocalPlane
from kelos.api.kinds import CONFIG_MAP, JOB, LEASE, NAMESPACE, SECRET, Manifest
from kelos.cluster.client import connect
from kelos.cluster.kubeconfig import load_access
from kelos.cluster.lease import Election, Terms
from kelos.cluster.protocol import ChangeType, Cluster, PatchType
from kelos.cluster.watch import Cache
from kelos.errors import AlreadyExists, Conflict, Invalid, NotFound, Unauthorized, Unavailable
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from realcluster.control_plane import ControlPlane

# Servers live in real time.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One server and a namespace of our own in it."""

    cluster: Cluster
    namespace: str

    async def write(self, name: str, **data: str) -> Manifest:
        return await self.cluster.create(CONFIG_MAP, config_map(name, self.namespace, **data))


def config_map(name: str, namespace: str, **data: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "labels": {"made-by": "test"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


Door = Callable[[], AbstractAsyncContextManager[Cluster]]


@pytest.fixture(scope="session")
def local_kubeconfig() -> Iterator[Path]:
    with LocalPlane() as plane:
        yield plane.kubeconfig


@pytest.fixture(params=["in-process", "local", pytest.param("real", marks=pytest.mark.cluster)])
def door(request: pytest.FixtureRequest) -> Door:
    """The way into each server; the local plane has one over HTTP and one without."""
    if request.param == "in-process":
        return inside
    if request.param == "local":
        return partial(through, request.getfixturevalue("local_kubeconfig"))
    plane: ControlPlane = request.getfixturevalue("real_cluster")
    return partial(through, plane.kubeconfig)


@asynccontextmanager
async def inside() -> AsyncIterator[Cluster]:
    store = Store()
    yield LocalCluster(open_plane(store))
    store.close()


@asynccontextmanager
async def through(kubeconfig: Path) -> AsyncIterator[Cluster]:
    async with await connect(load_access(kubeconfig=str(kubeconfig), environ={})) as cluster:
        yield cluster


@asynccontextmanager
async def entered(door: Door) -> AsyncIterator[Place]:
    async with door() as cluster:
        namespace = f"cluster-{token_hex(4)}"
        await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        yield Place(cluster=cluster, namespace=namespace)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- a cache tells of its own objects only
            await asyncio.sleep(0.02)


@asynccontextmanager
async def following(place: Place, **options: Any) -> AsyncIterator[Cache]:
    cache = Cache(place.cluster, CONFIG_MAP, place.namespace, "made-by=test", **options)
    running = asyncio.create_task(cache.run())
    try:
        async with asyncio.timeout(30):
            await cache.wait_synced()
        yield cache
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_an_object_is_created_read_changed_and_deleted(door: Door) -> None:
    """Every verb with its preconditions, as both servers keep them."""
    async with entered(door) as place:
        cluster, namespace = place.cluster, place.namespace
        made = await place.write("a", x="1")
        assert made == await cluster.get(CONFIG_MAP, namespace, "a")
        with pytest.raises(AlreadyExists, match='configmaps "a" already exists'):
            await place.write("a")
        newer = await cluster.replace(CONFIG_MAP, {**made, "data": {"x": "2"}})
        with pytest.raises(Conflict):
            await cluster.replace(CONFIG_MAP, made)
        stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"x": "3"}}
        with pytest.raises(Conflict):
            await cluster.patch(CONFIG_MAP, namespace, "a", stale)
        patched = await cluster.patch(CONFIG_MAP, namespace, "a", {"data": {"x": "4", "y": "5"}})
        assert ({"x": "4", "y": "5"}, "2") == (patched["data"], newer["data"]["x"])
        with pytest.raises(Conflict):
            await cluster.delete(CONFIG_MAP, namespace, "a", uid="somebody-else")
        await cluster.delete(CONFIG_MAP, namespace, "a", uid=made["metadata"]["uid"])
        with pytest.raises(NotFound, match='configmaps "a" not found'):
            await cluster.delete(CONFIG_MAP, namespace, "a")


async def test_patches_of_every_kind_and_dry_runs(door: Door) -> None:
    """The content type says what the body means; a dry run changes nothing."""
    async with entered(door) as place:
        cluster, namespace = place.cluster, place.namespace
        await cluster.create(CONFIG_MAP, config_map("dry", namespace), dry_run=True)
        with pytest.raises(NotFound):
            await cluster.get(CONFIG_MAP, namespace, "dry")
        await place.write("a", x="1")
        operations = [{"op": "replace", "path": "/data/x", "value": "2"}]
        await cluster.patch(CONFIG_MAP, namespace, "a", operations, type=PatchType.JSON)
        await cluster.patch(CONFIG_MAP, namespace, "a", {"data": {"y": "3"}}, type=PatchType.STRATEGIC)
        applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "4"}}
        result = await cluster.patch(
            CONFIG_MAP, namespace, "a", applied, type=PatchType.APPLY, field_manager="kelos", force=True
        )

        assert {"x": "4", "y": "3"} == result["data"]


async def test_lists_come_in_pages_and_say_their_kind(door: Door) -> None:
    """Page by page, filtered, whichever server it is."""
    async with entered(door) as place:
        for number in range(5):
            await place.write(f"a-{number}")
        found: list[Manifest] = []
        more, pages = "", 0
        while True:
            page = await place.cluster.list(CONFIG_MAP, place.namespace, labels="made-by=test", limit=2, more=more)
            found += page.items
            pages += 1
            if not (more := page.more):
                break

        assert (3, [f"a-{number}" for number in range(5)]) == (pages, [each["metadata"]["name"] for each in found])
        assert {("v1", "ConfigMap")} == {(each["apiVersion"], each["kind"]) for each in found}


async def test_refusals_name_the_field_and_never_the_secret(door: Door) -> None:
    """What a person needs to mend a manifest, and nothing that may not be shown."""
    async with entered(door) as place:
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": place.namespace}}
        with pytest.raises(Invalid) as caught:
            await place.cluster.create(JOB, {**job, "spec": {"template": {"spec": {"restartPolicy": "Always"}}}})
        assert any("spec.template.spec" in cause for cause in caught.value.causes)
        metadata = {"name": "s", "namespace": place.namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"no key!": "hunter2"}}
        with pytest.raises(Invalid) as caught:
            await place.cluster.create(SECRET, secret)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("kubeconfig", ["local_kubeconfig", pytest.param("real_cluster", marks=pytest.mark.cluster)])
async def test_a_stranger_is_refused(kubeconfig: str, request: pytest.FixtureRequest) -> None:
    """A wrong token is not the same as missing rights, nor as an absent server."""
    found = request.getfixturevalue(kubeconfig)
    path = found.kubeconfig if isinstance(found, ControlPlane) else found
    access = load_access(kubeconfig=str(path), environ={})
    async with await connect(replace(access, user={"token": "wrong"})) as cluster:
        with pytest.raises(Unauthorized):
            await cluster.get(NAMESPACE, None, "default")


async def test_a_watch_tells_changes_and_ends_in_time(door: Door) -> None:
    """From the version of a list on, until the promised end."""
    async with entered(door) as place:
        start = (await place.cluster.list(CONFIG_MAP, place.namespace)).resource_version
        await place.write("a")
        await place.cluster.patch(CONFIG_MAP, place.namespace, "a", {"data": {"x": "1"}})
        await place.cluster.delete(CONFIG_MAP, place.namespace, "a")
        seen = []
        stream = place.cluster.watch(
            CONFIG_MAP, place.namespace, resource_version=start, labels="made-by=test", timeout_seconds=2
        )
        async with asyncio.timeout(20):
            async for change in stream:
                if change.type is not ChangeType.BOOKMARK:
                    seen.append((change.type.value, change.object["metadata"]["name"]))

        assert [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")] == seen


async def test_a_cache_follows_any_number_of_writers(door: Door) -> None:
    """Whatever is written, the cache ends equal to a list, and its index with it."""
    async with entered(door) as place, following(place, indexes={"x": lambda each: [each["data"]["x"]]}) as cache:

        async def write(seed: int) -> None:
            rng = Random(seed)
            for step in range(25):
                name = f"a-{seed}-{rng.randrange(4)}"
                try:
                    await place.write(name, x=str(step))
                except AlreadyExists:
                    if rng.random() < 0.5:
                        await place.cluster.delete(CONFIG_MAP, place.namespace, name)
                    else:
                        await place.cluster.patch(CONFIG_MAP, place.namespace, name, {"data": {"x": str(step)}})

        await asyncio.gather(*(write(seed) for seed in range(4)))
        page = await place.cluster.list(CONFIG_MAP, place.namespace, labels="made-by=test")
        truth = {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in page.items}

        def contents() -> dict[str, str]:
            return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in cache.list()}

        await until(lambda: truth == contents())
        for each in page.items:
            assert each["metadata"]["name"] in [one["metadata"]["name"] for one in cache.by("x", each["data"]["x"])]
        assert all("managedFields" not in each["metadata"] for each in cache.list())
        assert 1 == cache.freshness().lists


async def test_one_of_three_candidates_leads_and_passes_it_on(door: Door) -> None:
    """With a real Lease: its times parse, its conflicts conflict. Nobody here waits until it has expired."""
    terms = Terms(lease_seconds=600, renew_deadline_seconds=500, retry_seconds=0.3, request_seconds=60)
    async with entered(door) as place, AsyncExitStack() as stack:

        def candidate(identity: str) -> Election:
            now = lambda: datetime.now(timezone.utc)  # noqa: E731
            return Election(place.cluster, place.namespace, "controller", identity, wall=now, terms=terms)

        async def forever() -> None:
            await asyncio.Event().wait()

        elections = {identity: candidate(identity) for identity in ("one", "two", "three")}
        processes = {
            identity: asyncio.create_task(election.run(forever, lambda: None))
            for identity, election in elections.items()
        }
        for process in processes.values():
            stack.push_async_callback(asyncio.wait, {process})
            stack.callback(process.cancel)

        def leaders() -> list[str]:
            return [identity for identity, election in elections.items() if election.is_leading]

        await until(lambda: 1 == len(leaders()))
        (first,) = leaders()
        processes[first].cancel()
        await asyncio.wait({processes[first]})
        await until(lambda: 1 == len(leaders()))

        (second,) = leaders()
        lease = await place.cluster.get(LEASE, place.namespace, "controller")
        assert first != second == lease["spec"]["holderIdentity"]


@pytest.mark.cluster
async def test_a_cache_survives_a_crash_of_the_api_server(own_cluster: ControlPlane) -> None:
    """Killed with SIGKILL and started again, twice; deletes that nobody told us of are seen."""
    async with entered(partial(through, own_cluster.kubeconfig)) as place, following(place) as cache:
        for name in ("kept", "removed"):
            await place.write(name)
        await until(lambda: 2 == len(cache.list()))
        for round_ in range(2):
            await asyncio.to_thread(own_cluster.kill_apiserver)
            with pytest.raises(Unavailable, match="cannot be reached"):
                await place.cluster.get(NAMESPACE, None, "default")
            await asyncio.to_thread(own_cluster.start_apiserver)
            if round_ == 0:
                await place.cluster.delete(CONFIG_MAP, place.namespace, "removed")
            await place.write(f"added-{round_}")
        names = ["added-0", "added-1", "kept"]
        await until(lambda: names == sorted(each["metadata"]["name"] for each in cache.list()), seconds=90)

        assert cache.freshness().watches < 30


@pytest.mark.cluster
async def test_a_frozen_api_server_is_given_up(own_cluster: ControlPlane) -> None:
    """It accepts connections and says nothing: requests end, and go on when it thaws."""
    access = load_access(kubeconfig=str(own_cluster.kubeconfig), environ={})
    async with await connect(access, timeout_seconds=1) as cluster:
        await patiently(lambda: cluster.get(NAMESPACE, None, "default"))
        own_cluster.pause_apiserver()
        with pytest.raises(Unavailable, match="did not answer in time"):
            await cluster.get(NAMESPACE, None, "default")
        own_cluster.resume_apiserver()

        assert "default" == (await patiently(lambda: cluster.get(NAMESPACE, None, "default")))["metadata"]["name"]


async def patiently(ask: Callable[[], Awaitable[Manifest]]) -> Manifest:
    """The answer of a server that is just coming back, or on a machine that is too busy for a short limit."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await ask()
            except Unavailable:
                await asyncio.sleep(0.2)
