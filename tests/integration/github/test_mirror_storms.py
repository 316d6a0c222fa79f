"""Whatever people do while lists are read, late or broken off: when they rest, the mirror shows what is there."""

from __future__ import annotations

import random

import pytest

from fakes.github_server.answers import Answer, Call
from github_bench import Bench
from kelos.errors import KelosError
from kelos.sources.github import mirror

pytestmark = pytest.mark.anyio

STORMS = 25


class Storm:
    """People, and a network, by chance."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.server = bench.server
        self.chance = random.Random(seed)
        self.numbers: list[int] = []
        for _ in range(self.chance.randrange(12)):
            self.open()
        self.server.wait(self.chance.choice([0, 100, 5000]))
        self.server.step += 100

    def open(self) -> None:
        is_pull = self.chance.random() < 0.5
        self.numbers.append(self.server.open_pull() if is_pull else self.server.open_issue())

    def strike(self, call: Call | None = None) -> None:
        """Half of the time somebody does something."""
        if self.chance.random() < 0.5:
            return
        deed = self.chance.choice(["open", "label", "state", "state", "comment", "lag", "fault", "time"])
        number = self.chance.choice(self.numbers) if self.numbers else None
        if deed == "lag":
            self.server.lag = self.chance.randrange(4)
        elif deed == "fault":
            self.server.fail(self.chance.choice([Answer(502), Answer(drop=True), Answer(404, {})]), times=3)
        elif deed == "time":
            self.server.wait(self.chance.choice([1, 59, 3700]))
        elif deed == "open" or number is None:
            self.open()
        elif deed == "label":
            self.server.edit(number, labels=(f"l{self.chance.randrange(3)}",))
        elif deed == "state":
            self.server.edit(number, state=self.chance.choice(["open", "closed"]))
        else:
            self.server.comment(number, "hm")

    def truth(self, *, is_pulls: bool, with_closed: bool) -> dict[str, tuple[str, tuple[str, ...]]]:
        things = self.server.shop.things.listed(self.server.step)
        return {
            str(thing["number"]): (thing["updated_at"], thing["labels"])
            for thing in things
            if thing["is_pull"] == is_pulls and (with_closed or thing["state"] == "open")
        }


async def looked(source) -> dict[str, tuple[str, tuple[str, ...]]] | None:
    try:
        listing = await source.look()
    except KelosError:
        return None
    return {sighting.key: (sighting.revision.rstrip("~"), sighting.labels) for sighting in listing.sightings}


@pytest.mark.parametrize("state", ["open", "all"])
async def test_in_the_end_the_mirror_is_right(monkeypatch, state):
    """Small pages, so that much happens between two of them."""
    monkeypatch.setattr(mirror, "PAGE", 3)
    monkeypatch.setattr(mirror, "PULLS_A_PAGE", 2)
    for seed in range(STORMS):
        bench = Bench()
        storm = Storm(bench, seed)
        sources = {False: bench.issues(state=state), True: bench.pulls(state=state)}
        bench.server.after = storm.strike
        for _ in range(15):
            storm.strike()
            await looked(sources[storm.chance.random() < 0.5])
            bench.server.wait(50)
        bench.server.after, bench.server.lag = None, 0
        bench.server._faults = []
        for _ in range(3):
            bench.server.wait(301)
            shown = {is_pulls: await looked(source) for is_pulls, source in sources.items()}

        wanted = {is_pulls: storm.truth(is_pulls=is_pulls, with_closed=state == "all") for is_pulls in sources}
        assert wanted == shown, f"seed {seed}"
