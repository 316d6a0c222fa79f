"""Schedules of spawners: whatever goes wrong in between, one Task runs for each trigger, and none is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent.parent
SCHEDULES = 1_000
AT_ONCE = 2


def test_every_law_holds_in_every_schedule():
    """The seeds are always the same."""
    share = SCHEDULES // AT_ONCE
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-W", "error", "-m", "simulation.spawning", "--seeds"]
    parts = [
        subprocess.Popen(
            [*command, f"{n * share}:{(n + 1) * share}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for n in range(AT_ONCE)
    ]
    told = [part.communicate()[0] for part in parts]
    print("".join(told))

    assert [0] * AT_ONCE == [part.returncode for part in parts], "see the seed and how to replay it above"
