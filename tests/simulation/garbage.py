"""Many schedules in one process: Python's own pace of collecting garbage costs a seventh of all time there."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator

SCHEDULES_BETWEEN_COLLECTIONS = 20


def with_few_collections(seeds: Iterable[int]) -> Iterator[int]:
    """The same seeds; from the first one on this process collects at this pace alone."""
    gc.freeze()
    gc.disable()
    for number, seed in enumerate(seeds, 1):
        if number % SCHEDULES_BETWEEN_COLLECTIONS == 0:
            gc.collect()
        yield seed
