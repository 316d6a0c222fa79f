"""How many Tasks a spawner may still make."""

from __future__ import annotations

from kelos.spawning.ledger import writing
from kelos.spawning.view import SpawnerView

PLENTY = 1_000_000
BEYOND = 1.05
"""A ledger may be so much larger than it should while all that it knows is still to be seen."""


def room_of(view: SpawnerView) -> int:
    """Tasks that may be made now; what was claimed and is not there yet has its place already."""
    spec = view.spawner.spec
    if spec.suspend:
        return 0
    left = PLENTY
    if spec.concurrency_limit is not None:
        left = spec.concurrency_limit - view.unfinished - pending(view)
    if spec.total_limit is not None:
        left = min(left, spec.total_limit - view.ledger.head.created)
    return max(0, left)


def pending(view: SpawnerView) -> int:
    """Tasks that were claimed and are not there."""
    return sum(claim.name not in view.by_name for claim in view.ledger.head.claims.values())


def is_used_up(view: SpawnerView) -> bool:
    """Whether the spawner has made all Tasks that it may ever make."""
    limit = view.spawner.spec.total_limit
    return limit is not None and view.ledger.head.created >= limit


def is_full(view: SpawnerView) -> bool:
    """Whether the ledger can remember no other item: what it could not remember would be made again and again."""
    return view.ledger.size > writing.MOST_ITEMS * BEYOND
