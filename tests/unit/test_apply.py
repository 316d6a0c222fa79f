"""What becomes of a plan whose view has grown old."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from kelos.api.kinds import JOB
from kelos.apply import Systems, apply
from kelos.errors import Conflict
from kelos.plan import Create, Delete, Plan

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
