"""Play many seeds in as many processes as there are processors."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

TESTS = Path(__file__).parent.parent
AT_ONCE = min(os.cpu_count() or 1, 8)


def start(module: str, *arguments: str, hash_seed: str = "0") -> subprocess.Popen[str]:
    """One simulation, as its command line starts it."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-W", "error", "-m", module, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def play_all(module: str, seeds: int) -> list[int]:
    """Seeds 0 to that number, each once. What is said is printed: a seed that fails, and how to replay it."""
    borders = [seeds * n // AT_ONCE for n in range(AT_ONCE + 1)]
    parts = [start(module, "--seeds", f"{first}:{end}") for first, end in pairwise(borders)]
    print("".join([part.communicate()[0] for part in parts]))
    return [part.returncode for part in parts]
