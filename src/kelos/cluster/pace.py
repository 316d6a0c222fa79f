"""How long to wait before trying again.

The clock of this package is the event loop's: monotonic, and a test that brings its own loop owns time.
"""

from __future__ import annotations

import asyncio
from random import Random


def now() -> float:
    """Monotonic seconds."""
    return asyncio.get_running_loop().time()


def backoff(failures: int, rng: Random, *, first: float, longest: float) -> float:
    """Seconds before the next attempt after that many failures in a row: it doubles, and up to half is chance."""
    ceiling = min(longest, first * 2.0 ** min(failures, 60))
    return ceiling * rng.uniform(0.5, 1.0)
