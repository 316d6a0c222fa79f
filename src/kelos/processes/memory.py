"""How much of its memory a process may keep from sources: what it is told, or a share of what its container has."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kelos.clients.github.kept import ALL_BYTES
from kelos.controllers.loop import Log
from kelos.sources.shelf import MIB, USUAL_BYTES, Shelf
from kelos.telemetry.metrics import Metrics
from kelos.telemetry.spawner_metrics import SourceMemoryMetrics

SHARE = 4
"""One of these parts of the container's limit: the rest is for the cluster's caches, and for answers being read."""
LEAST_BYTES = 16 * MIB
ANSWERS_SHARE = 8
"""One of these parts of it is for single answers of GitHub that may be asked for again."""
LIMIT_FILES = tuple(map(Path, ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")))


def source_bytes(wanted: int | None, files: Iterable[Path] = LIMIT_FILES) -> int:
    """All that may be kept from sources."""
    if wanted is not None:
        return wanted
    limit = next(filter(None, map(_limit, files)), USUAL_BYTES * SHARE)
    return max(LEAST_BYTES, min(limit // SHARE, USUAL_BYTES * SHARE))


def answer_bytes(all_bytes: int) -> int:
    """The part of it for answers."""
    return min(ALL_BYTES, all_bytes // ANSWERS_SHARE)


def build_shelf(all_bytes: int, log: Log, metrics: Metrics) -> Shelf:
    """The rest of it, for lists."""
    meter = SourceMemoryMetrics(metrics.registry)
    shelf = Shelf(
        limit_bytes=all_bytes - answer_bytes(all_bytes), monotonic=time.monotonic, warn=log.warning, meter=meter
    )
    meter.watch(shelf.limit_bytes, lambda: shelf.size_bytes)
    return shelf


def _limit(file: Path) -> int | None:
    """Of the cgroup this process is in; an old kernel says that there is none by a number that no machine has."""
    with suppress(OSError, ValueError):
        found = int(file.read_text())
        return found if 0 < found < 1 << 50 else None
    return None
