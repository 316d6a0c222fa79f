"""Schedules of spawners: whatever goes wrong in between, one Task runs for each trigger, and none is lost."""

from __future__ import annotations

from simulation.at_once import play_all

SCHEDULES = 1_000


def test_every_law_holds_in_every_schedule():
    """The seeds are always the same."""
    codes = play_all("simulation.spawning", SCHEDULES)

    assert {0} == set(codes), "see the seed and how to replay it above"
