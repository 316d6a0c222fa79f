"""What becomes of a plan whose view has grown old, and of objects that others hold, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from kelos.api.kinds import CONFIG_MAP, JOB
from kelos.apply import Systems, Taken, apply
from kelos.errors import Conflict
from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.store import Store
from kelos.plan import AddFinalizer, Create, Delete, DropFinalizer, Plan

pytestmark = pytest.mark.anyio


class Recorder:
    """A cluster that takes everything."""

    def __init__(self):
        self.made, self.gone = [], []

    async def create(self, kind, manifest):
        self.made.append(manifest["metadata"]["name"])

    async def delete(self, kind, namespace, name, **preconditions):
        self.gone.append(name)


def systems(cluster, moment):
    return Systems(cluster=cluster, now=lambda: datetime.now(timezone.utc), monotonic=lambda: moment)


MAKE = Plan(steps=(Create(kind=JOB, manifest={"metadata": {"name": "fix-bug", "namespace": "team"}}),))
REMOVE = Plan(steps=(Delete(kind=JOB, namespace="team", name="fix-bug", uid="uid-1"),))


async def test_nothing_is_made_on_the_word_of_an_old_view():
    """Somebody else may have made it, run it and taken it away while this process was asleep."""
    cluster = Recorder()

    with pytest.raises(Conflict, match="Job 'fix-bug'"):
        await apply(MAKE, systems(cluster, 31.0), fresh_until=30.0)

    assert [] == cluster.made


async def test_a_fresh_view_is_acted_on():
    cluster = Recorder()

    await apply(MAKE, systems(cluster, 30.0), fresh_until=30.0)

    assert ["fix-bug"] == cluster.made


async def test_what_names_its_object_exactly_may_come_late():
    """A delete of this very uid is right whenever it arrives."""
    cluster = Recorder()

    await apply(REMOVE, systems(cluster, 31.0), fresh_until=30.0)

    assert ["fix-bug"] == cluster.gone


def child(owner):
    """An object that this controller made."""
    reference = {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Task",
        "name": "fix-bug",
        "uid": owner,
        "controller": True,
    }
    meta = {"name": "thing", "namespace": "default", "ownerReferences": [reference]}
    return Plan(steps=(Create(kind=CONFIG_MAP, manifest={"metadata": meta, "data": {"by": owner}}),))


async def test_what_an_earlier_pass_made_is_not_made_again():
    """It died before it could write down that it did."""
    cluster = LocalCluster(open_plane(Store()))

    await apply(child("uid-1"), systems(cluster, 0.0))
    await apply(child("uid-1"), systems(cluster, 0.0))

    assert "uid-1" == (await cluster.get(CONFIG_MAP, "default", "thing"))["data"]["by"]


async def test_what_somebody_else_made_is_never_taken_for_our_own():
    """A Task of the same name that is gone counts as somebody else."""
    cluster = LocalCluster(open_plane(Store()))
    await apply(child("uid-of-an-earlier-task"), systems(cluster, 0.0))

    with pytest.raises(Taken, match="ConfigMap 'thing' exists and belongs to somebody else"):
        await apply(child("uid-1"), systems(cluster, 0.0))


OURS, THEIRS, NEW = "kelos.dev/outcome", "example.com/audit", "example.com/backup"


class Crowded:
    """A cluster in which somebody else holds the object, too, and another one comes between a look and the deed."""

    def __init__(self, cluster):
        self._cluster = cluster

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    async def get(self, kind, namespace, name):
        found = await self._cluster.get(kind, namespace, name)
        body = {"metadata": {"finalizers": [*found["metadata"]["finalizers"], NEW]}}
        await self._cluster.patch(kind, namespace, name, body)
        return found


async def held():
    """A cluster with an object that we and somebody else hold; and the step that lets go of it."""
    cluster = LocalCluster(open_plane(Store()))
    meta = {"name": "thing", "namespace": "default", "finalizers": [OURS, THEIRS]}
    uid = (await cluster.create(CONFIG_MAP, {"metadata": meta}))["metadata"]["uid"]
    return cluster, DropFinalizer(kind=CONFIG_MAP, namespace="default", name="thing", uid=uid, finalizer=OURS)


async def finalizers(cluster):
    return (await cluster.get(CONFIG_MAP, "default", "thing"))["metadata"].get("finalizers")


async def test_only_our_own_finalizer_is_taken_off():
    """What others still have to do with an object is not ours to skip."""
    cluster, step = await held()

    await apply(Plan(steps=(step,)), systems(cluster, 0.0))
    await apply(Plan(steps=(step,)), systems(cluster, 0.0))

    assert [THEIRS] == await finalizers(cluster)


async def test_a_finalizer_that_came_meanwhile_is_not_lost():
    """The pass is repeated with what is there then."""
    cluster, step = await held()

    with pytest.raises(Conflict):
        await apply(Plan(steps=(step,)), systems(Crowded(cluster), 0.0))

    assert [OURS, THEIRS, NEW] == await finalizers(cluster)


async def test_an_object_that_only_has_the_name_keeps_its_finalizer():
    cluster, step = await held()

    await apply(Plan(steps=(replace(step, uid="uid-of-an-earlier-one"),)), systems(cluster, 0.0))

    assert [OURS, THEIRS] == await finalizers(cluster)


async def test_a_hold_is_put_beside_those_that_are_there():
    cluster, step = await held()
    hold = AddFinalizer(kind=step.kind, namespace="default", name="thing", uid=step.uid, finalizer=NEW)

    await apply(Plan(steps=(hold, hold)), systems(cluster, 0.0))

    assert [OURS, THEIRS, NEW] == await finalizers(cluster)
