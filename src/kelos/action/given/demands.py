"""What a step demands of a Task beyond its success."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """Results that must be there, and whether the branch must have moved."""

    results: tuple[str, ...] = ()
    changes: bool = False

    def unmet(self, results: Mapping[str, object]) -> str:
        """What follows "The Task succeeded", when that is not enough; "" when it is."""
        if missing := [key for key in self.results if not results.get(key)]:
            words = ", ".join(f"'{key}'" for key in missing)
            return f"without the required result {words}: see its log for what it did"
        return _unchanged(results) if self.changes else ""


def _unchanged(results: Mapping[str, object]) -> str:
    """A commit that nobody pushed is gone with the pod, so it changes nothing either."""
    before, after = results.get("base-commit"), results.get("commit")
    if not before or not after:
        return (
            "without telling whether anything changed, as `fail-on-no-changes` wants to know: "
            "it needs a `workspace`, and an image with our runner"
        )
    if before == after:
        return "and changed nothing, which `fail-on-no-changes` makes a failure: see its log for why"
    if results.get("pushed") == "false":
        return "and did not push its commits, which `fail-on-no-changes` makes a failure: tell it to push"
    return ""
