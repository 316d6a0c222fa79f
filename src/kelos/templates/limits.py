"""How much a template may do, so that hostile text costs a bounded amount of time and memory."""

from __future__ import annotations

from dataclasses import dataclass

# Work on long text is charged like this many characters to a step.
CHARACTERS_PER_STEP = 32


class LimitExceeded(Exception):
    """A budget is spent; the evaluator turns this into an error that names the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds for one rendering."""

    steps: int = 300_000  # about a second
    depth: int = 200  # open blocks and template calls, one inside the other
    output_bytes: int = 4 * 1024 * 1024


class Budget:
    """What is left of the limits while a template runs."""

    __slots__ = ("depth", "limits", "steps")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps = limits.steps
        self.depth = 0

    def spend(self, steps: int) -> None:
        """Pay for work."""
        self.steps -= steps
        if self.steps < 0:
            raise LimitExceeded(f"the template takes more than {self.limits.steps} steps; make it do less")

    def read(self, characters: int) -> None:
        """Pay for looking at a long text or list."""
        if characters > CHARACTERS_PER_STEP:
            self.spend(characters // CHARACTERS_PER_STEP)

    def hold(self, size: int) -> None:
        """Refuse a text of this many bytes, made or printed, when it is larger than any output may be."""
        if size > self.limits.output_bytes:
            raise LimitExceeded(f"the output is larger than {self.limits.output_bytes} bytes; print less")

    def enter(self) -> None:
        """Open a block or call a template."""
        self.depth += 1
        if self.depth > self.limits.depth:
            raise LimitExceeded(f"blocks and templates are nested more than {self.limits.depth} deep")

    def leave(self) -> None:
        self.depth -= 1
