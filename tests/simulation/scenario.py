"""What happens in one schedule, as data: who does what when, and what goes wrong meanwhile. Printable, shrinkable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kelos.api.kinds import Manifest
from simulation.outside import Script

CALM_AT = 120.0
"""From this second on nothing goes wrong any more, and everything must come right by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A Task as its author writes it, and how its pods will go; the last script repeats."""

    spec: Manifest = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    scripts: tuple[Script, ...] = (Script(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """`do` is a method of `simulation.people.People`; `name` the object."""

    at: float
    do: str
    name: str
    wish: Wish | None = None

    def __str__(self) -> str:
        return f"{self.at:7.2f} {self.do} {self.name}{f' {self.wish}' if self.wish is not None else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`what` goes wrong from `at` until `until`; `kind` narrows it to one kind, `amount` is a chance or seconds."""

    at: float
    until: float
    what: str
    kind: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        where = f" of {self.kind}" if self.kind else ""
        return f"{self.at:7.2f} until {self.until:.2f}: {self.what}{where} ({self.amount:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that is decided before it begins; the seed also decides what single calls do."""

    seed: int
    deeds: tuple[Deed, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return "\n".join(str(each) for each in sorted((*self.deeds, *self.faults), key=lambda each: each.at))

    def smaller(self) -> Iterator[Scenario]:
        """The same with less in it: whole Tasks first, then single things."""
        for name in sorted({deed.name for deed in self.deeds}):
            yield replace(self, deeds=tuple(deed for deed in self.deeds if deed.name != name))
        for index in range(len(self.faults)):
            yield replace(self, faults=self.faults[:index] + self.faults[index + 1 :])
        for index in range(len(self.deeds)):
            yield replace(self, deeds=self.deeds[:index] + self.deeds[index + 1 :])
