"""What becomes of a Task that the step does not follow to its end, in words for the step's message."""

from __future__ import annotations

from kelos.action.cancel import Hold
from kelos.errors import KelosError


def part_late(hold: Hold, *, keeps: bool) -> str:
    """It took too long: end it, or let it go on without the lease that nobody will renew."""
    if not keeps:
        return "was cancelled" if hold.end("the workflow step stopped waiting") else "could not be cancelled"
    try:
        hold.detach()
    except KelosError as error:
        return f"may be cancelled when its lease lapses, because: {error}"
    return "goes on in the cluster"


def part_unseen(hold: Hold, *, keeps: bool) -> str:
    """Nobody confirmed its creation: end it if it is there. What is left even then is for the reaper."""
    name = hold.handle.name
    if keeps:
        hold.let_go()
        return f"Task '{name}' may have been created, and goes on then, as `on-cancel: detach` asks"
    if hold.end("nobody knows in the workflow whether it was created"):
        return f"Task '{name}' may have been created, and is cancelled then"
    return f"Task '{name}' may have been created and may run: `kelos cancel {name}` ends it"
