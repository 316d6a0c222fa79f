"""Owners and what they own, on a cluster that collects."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kelos.api.kinds import CONFIG_MAP, CRD, JOB, POD, SECRET, Kind, Manifest
from kelos.local.garbage.collector import run_garbage_collector
from kelos.local.garbage.expiry import run_job_expiry
from virtual_time import VirtualLoop

from .conftest import SPACE, Place, condition, container, job, phase, running

pytestmark = pytest.mark.anyio

WIDGET = Kind(group="example.org", version="v1", kind="Widget", plural="widgets")


@pytest.fixture
async def collected(place: Place) -> AsyncIterator[Place]:
    kinds = (CONFIG_MAP, SECRET, POD, JOB)
    async with running(run_garbage_collector(place.cluster, kinds), run_job_expiry(place.cluster)):
        yield place


def owned_by(*owners: Manifest, block: bool = True) -> list[Manifest]:
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]


async def config_map(place: Place, name: str, owners: list[Manifest] | None = None, **metadata: Any) -> Manifest:
    return await place.create(CONFIG_MAP, {"metadata": {"name": name, "ownerReferences": owners or [], **metadata}})


async def test_what_was_owned_goes_with_its_owner(collected: Place) -> None:
    """Down the whole chain."""
    owner = await config_map(collected, "owner")
    child = await config_map(collected, "child", owned_by(owner))
    await config_map(collected, "grandchild", owned_by(child))

    await collected.cluster.delete(CONFIG_MAP, SPACE, "owner")

    await collected.until_gone(CONFIG_MAP, "grandchild")
    assert await collected.find(CONFIG_MAP, "child") is None


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualLoop})])
async def test_collection_is_quick(collected: Place) -> None:
    """A deleted Task's Job must not keep running for long: the collector's own waiting is within a second."""
    owner = await config_map(collected, "owner")
    await config_map(collected, "child", owned_by(owner))
    await collected.cluster.delete(CONFIG_MAP, SPACE, "owner")

    async with asyncio.timeout(1):
        await collected.until_gone(CONFIG_MAP, "child")


async def test_an_owner_that_never_was_is_an_absent_owner(collected: Place) -> None:
    """An object created too late, for an owner that is gone already."""
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "0-0"}}
    await config_map(collected, "late", owned_by(ghost))

    await collected.until_gone(CONFIG_MAP, "late")


async def test_a_namesake_is_not_the_owner(collected: Place) -> None:
    """Ownership is by uid."""
    namesake = await config_map(collected, "owner")
    old = {**namesake, "metadata": {**namesake["metadata"], "uid": "other"}}
    await config_map(collected, "child", owned_by(old))

    await collected.until_gone(CONFIG_MAP, "child")


async def test_one_owner_left_is_enough(collected: Place) -> None:
    """The reference to the lost owner goes, the object stays."""
    first, second = await config_map(collected, "first"), await config_map(collected, "second")
    await config_map(collected, "shared", owned_by(first, second))

    await collected.cluster.delete(CONFIG_MAP, SPACE, "first")

    shared = await collected.until(CONFIG_MAP, "shared", lambda each: 1 == len(each["metadata"]["ownerReferences"]))
    assert "second" == shared["metadata"]["ownerReferences"][0]["name"]


async def test_orphans_stay_and_are_free(collected: Place) -> None:
    """Propagation Orphan: the owner goes, the children lose their reference."""
    owner = await config_map(collected, "owner")
    await config_map(collected, "child", owned_by(owner))

    await collected.cluster.delete(CONFIG_MAP, SPACE, "owner", propagation="Orphan")

    await collected.until_gone(CONFIG_MAP, "owner")
    child = await collected.find(CONFIG_MAP, "child")
    assert child is not None
    assert "ownerReferences" not in child["metadata"]


async def test_in_the_foreground_children_go_first(collected: Place) -> None:
    """The owner stays, visibly going, as long as a blocking child holds out."""
    owner = await config_map(collected, "owner")
    await config_map(collected, "child", owned_by(owner), finalizers=["example.org/hold"])

    await collected.cluster.delete(CONFIG_MAP, SPACE, "owner", propagation="Foreground")

    await collected.until(CONFIG_MAP, "child", lambda each: each["metadata"].get("deletionTimestamp"))
    going = await collected.find(CONFIG_MAP, "owner")
    assert going is not None
    assert ["foregroundDeletion"] == going["metadata"]["finalizers"]
    await collected.cluster.patch(CONFIG_MAP, SPACE, "child", {"metadata": {"finalizers": None}})
    await collected.until_gone(CONFIG_MAP, "owner")


async def test_a_child_that_blocks_nothing_is_not_waited_for(collected: Place) -> None:
    """Without blockOwnerDeletion the owner goes at once, and the child after it."""
    owner = await config_map(collected, "owner")
    await config_map(collected, "child", owned_by(owner, block=False), finalizers=["example.org/hold"])

    await collected.cluster.delete(CONFIG_MAP, SPACE, "owner", propagation="Foreground")

    await collected.until_gone(CONFIG_MAP, "owner")
    await collected.until(CONFIG_MAP, "child", lambda each: each["metadata"].get("deletionTimestamp"))


async def test_custom_kinds_are_collected_from_their_definition_on(collected: Place) -> None:
    """No restart, no discovery interval."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]}
    await collected.create(CRD, {"metadata": {"name": "widgets.example.org"}, "spec": spec})
    owner = await collected.create(WIDGET, {"metadata": {"name": "owner"}})
    await config_map(collected, "child", owned_by(owner))
    await collected.create(WIDGET, {"metadata": {"name": "part", "ownerReferences": owned_by(owner)}})

    await collected.cluster.delete(WIDGET, SPACE, "owner")

    await collected.until_gone(CONFIG_MAP, "child")
    await collected.until_gone(WIDGET, "part")


async def test_a_deleted_jobs_pods_go_with_it(collected: Place) -> None:
    """And their processes: the pod's object goes only after its containers."""
    await collected.create(JOB, job("short", container("exec sleep 600")))
    pod = await collected.until_pod("short", phase("Running"))

    await collected.cluster.delete(JOB, SPACE, "short", propagation="Background")

    await collected.until_gone(POD, pod["metadata"]["name"])


async def test_a_job_deleted_in_the_foreground_goes_after_its_pods(collected: Place) -> None:
    """Whoever waits for the Job to be gone knows that nothing of it runs."""
    await collected.create(JOB, job("orderly", container("exec sleep 600")))
    await collected.until_pod("orderly", phase("Running"))

    await collected.cluster.delete(JOB, SPACE, "orderly", propagation="Foreground")

    await collected.until_gone(JOB, "orderly")
    assert [] == await collected.pods("orderly")


async def test_a_finished_job_expires(collected: Place) -> None:
    """ttlSecondsAfterFinished: 0 means at once, with its pods."""
    await collected.create(JOB, job("brief", container("true"), ttlSecondsAfterFinished=0))

    await collected.until_gone(JOB, "brief")
    assert [] == await collected.pods("brief")


async def test_a_job_without_a_ttl_stays(collected: Place) -> None:
    """Nothing is lost by default."""
    await collected.create(JOB, job("keeper", container("true")))
    await collected.create(JOB, job("brief", container("true"), ttlSecondsAfterFinished=0))
    await collected.until(JOB, "keeper", condition("Complete"))

    await collected.until_gone(JOB, "brief")

    assert await collected.find(JOB, "keeper") is not None
