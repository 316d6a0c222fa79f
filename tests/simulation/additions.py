"""What every fifth schedule has besides: a persistent Workspace, tokens of a GitHub App, lost nodes, pods made twice.

It has a chance of its own, so that the other schedules stay what they were.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from simulation.outside import Script
from simulation.scenario import CALM_AT, Deed, Fault, Scenario, Wish

HOW_OFTEN = 0.2
WORKSPACES = ("disk", "disk", "vault")
"""The checkout of the first stays, and both have a GitHub App."""


def has_additions(seed: int) -> bool:
    return _chance(seed).random() < HOW_OFTEN


def with_additions(scenario: Scenario) -> Scenario:
    """The scenario, or more than it."""
    rng = _chance(scenario.seed)
    if rng.random() >= HOW_OFTEN:
        return scenario
    deeds = [replace(deed, wish=_wish(rng, deed.wish)) if deed.wish is not None else deed for deed in scenario.deeds]
    deeds += [
        Deed(at=0.0 if rng.random() < 0.8 else _moment(rng), do="bring", name=n) for n in ("app", "disk", "vault")
    ]
    for name in sorted({deed.name for deed in deeds if deed.do == "create"}):
        if rng.random() < 0.3:
            deeds.append(Deed(at=_moment(rng), do="lose node", name=name))
    faults = list(scenario.faults)
    if rng.random() < 0.4:
        at = _moment(rng)
        until = min(CALM_AT, at + rng.choice((5.0, 60.0)))
        faults.append(Fault(at=at, until=until, what="no tokens", amount=rng.choice((0.5, 1.0))))
    return replace(scenario, deeds=tuple(sorted(deeds, key=lambda deed: deed.at)), faults=tuple(faults))


def _wish(rng: Random, wish: Wish) -> Wish:
    """Most Tasks want one of the Workspaces, with a branch or without; some pods are made twice."""
    spec = wish.spec
    if rng.random() < 0.8:
        spec = {**spec, "workspaceRef": {"name": rng.choice(WORKSPACES)}}
    scripts = tuple(_script(rng, script) for script in wish.scripts)
    return replace(wish, spec=spec, scripts=scripts)


def _script(rng: Random, script: Script) -> Script:
    return replace(script, is_made_twice=True) if rng.random() < 0.1 else script


def _chance(seed: int) -> Random:
    return Random(f"additions {seed}")


def _moment(rng: Random) -> float:
    return round(rng.uniform(0, 60), 2)
