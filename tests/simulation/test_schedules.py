"""Thousands of schedules: whatever goes wrong in between, every law holds and every Task comes to its rest."""

from __future__ import annotations

import pytest

from simulation.at_once import play_all, start

SCHEDULES = 5_000


def test_every_law_holds_in_every_schedule():
    """The seeds are always the same; `make soak` plays fresh ones."""
    codes = play_all("simulation", SCHEDULES)

    assert {0} == set(codes), "see the seed and how to replay it above"


@pytest.mark.parametrize("seed", [7, 11, 2026])
def test_a_seed_always_takes_the_same_path(seed):
    """A failure that cannot be replayed cannot be mended."""
    first, second = (start("simulation", "--seed", str(seed), hash_seed=number) for number in ("1", "2"))

    assert first.communicate()[0] == second.communicate()[0]
