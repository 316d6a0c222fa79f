"""What becomes of a look that nobody thought of."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import make
from kelos.controllers.task_spawner.memory import Memory
from kelos.controllers.task_spawner.scout import Scout
from simulation.spawning.stage import Tally
from spawning import spawner
from world import SilentLog

pytestmark = pytest.mark.anyio


class Odd:
    """A source that stumbles over what it is told."""

    async def look(self) -> Any:
        raise KeyError("user")


async def test_a_look_that_stumbles_over_an_answer_is_told_to_people_and_not_repeated_at_once():
    """Else the status says that all is well, and nothing comes."""
    memory = Memory(uid="uid-triage", generation=1, due_at=0.0)
    scout = Scout(now=lambda: make.NOW, monotonic=lambda: 100.0, rng=Random(1), tally=Tally(), log=SilentLog())

    async def build() -> Any:
        return Odd()

    assert await scout.look(spawner(), build(), memory) is None
    assert "an error in Kelos itself (KeyError); the controller's log says more" == memory.discovery.problem
    assert memory.due_at >= 105.0
