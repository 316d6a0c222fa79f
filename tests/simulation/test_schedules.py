"""Thousands of schedules: whatever goes wrong in between, every law holds and every Task comes to its rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
SCHEDULES = 5_000
AT_ONCE = 2


def simulation(*arguments: str, hash_seed: str = "0") -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-W", "error", "-m", "simulation", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_every_law_holds_in_every_schedule():
    """The seeds are always the same; `make soak` plays fresh ones."""
    share = SCHEDULES // AT_ONCE
    parts = [simulation("--seeds", f"{n * share}:{(n + 1) * share}") for n in range(AT_ONCE)]
    told = [part.communicate()[0] for part in parts]
    print("".join(told))

    assert [0] * AT_ONCE == [part.returncode for part in parts], "see the seed and how to replay it above"


@pytest.mark.parametrize("seed", [7, 11, 2026])
def test_a_seed_always_takes_the_same_path(seed):
    """A failure that cannot be replayed cannot be mended."""
    first, second = (simulation("--seed", str(seed), hash_seed=number) for number in ("1", "2"))

    assert first.communicate()[0] == second.communicate()[0]
