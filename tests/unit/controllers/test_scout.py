"""What becomes of a look that failed: when the next one is, and what people are told."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

import make
from kelos.controllers.task_spawner.memory import Memory
from kelos.controllers.task_spawner.scout import Scout
from kelos.errors import RateLimited, RemoteError
from simulation.spawning.stage import Tally
from spawning import spawner
from world import SilentLog


class Odd:
    """A source that stumbles over what it is told."""

    async def look(self) -> Any:
        raise KeyError("user")


@pytest.mark.anyio
async def test_a_look_that_stumbles_over_an_answer_is_told_to_people_and_not_repeated_at_once():
    """Else the status says that all is well, and nothing comes."""
    memory = Memory(uid="uid-triage", generation=1, due_at=0.0)
    scout = Scout(now=lambda: make.NOW, monotonic=lambda: 100.0, rng=Random(1), tally=Tally(), log=SilentLog())

    async def build() -> Any:
        return Odd()

    assert await scout.look(spawner(), build(), memory) is None
    assert "an error in Kelos itself (KeyError); the controller's log says more" == memory.discovery.problem
    assert memory.due_at >= 105.0


def test_a_source_that_wants_peace_is_not_looked_at_before():
    """It says when it may be asked again; who comes earlier only makes it longer."""
    memory = Memory(uid="uid-triage", generation=1, due_at=0.0)
    scout = Scout(now=lambda: make.NOW, monotonic=lambda: 100.0, rng=Random(1), tally=Tally(), log=SilentLog())

    scout.failed(spawner(), RateLimited("too many", retry_at=make.NOW + timedelta(hours=1)), memory)

    assert 3700.0 < memory.due_at < 3710.1


def test_a_source_that_keeps_failing_is_asked_less_often():
    """Ten seconds at first, fifteen minutes at most, and never all spawners at once."""
    memory = Memory(uid="uid-triage", generation=1, due_at=0.0)
    scout = Scout(now=lambda: make.NOW, monotonic=lambda: 0.0, rng=Random(1), tally=Tally(), log=SilentLog())
    waits = []
    for _ in range(12):
        scout.failed(spawner(), RemoteError("away"), memory)
        waits.append(memory.due_at)

    assert 5.0 <= waits[0] <= 10.0
    assert all(450.0 <= wait <= 900.0 for wait in waits[-4:])
    assert len(set(waits)) == len(waits)
