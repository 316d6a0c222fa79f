"""What happens in one schedule of spawners, as data. Printable, shrinkable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from simulation.scenario import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """`do` is a case of `people.People.do`; `name` the spawner or the item, `detail` what the deed needs beside."""

    at: float
    do: str
    name: str
    detail: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.at:7.2f} {self.do} {self.name} {self.detail or ''}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything that is decided before it begins; the seed also decides what single calls do."""

    seed: int
    deeds: tuple[Deed, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return "\n".join(str(each) for each in sorted((*self.deeds, *self.faults), key=lambda each: each.at))

    def smaller(self) -> Iterator[Script]:
        """The same with one thing less in it."""
        for index in range(len(self.faults)):
            yield replace(self, faults=self.faults[:index] + self.faults[index + 1 :])
        for index in range(len(self.deeds)):
            yield replace(self, deeds=self.deeds[:index] + self.deeds[index + 1 :])
