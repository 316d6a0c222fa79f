"""One seed, one schedule: a few Tasks that get in each other's way, what people do to them, and bad weather."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from kelos.api.kinds import Manifest
from kelos.api.names import ANNOTATION_LEASE
from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.api.reasons import EXIT_CODES, Reason
from simulation.additions import with_additions
from simulation.outside import Script
from simulation.people import BEAT_SECONDS, LEASE_SECONDS
from simulation.scenario import CALM_AT, Deed, Fault, Scenario, Wish

NAMES = ("a", "b", "c", "d")
THINGS = ("repo", "twin", "key", "house")
CHANCE = {
    "errors": (0.05, 0.5),
    "lost answers": (0.05, 0.5),
    "dropped events": (0.1, 0.9),
    "repeated events": (0.1, 0.9),
    "forgotten versions": (0.05, 0.5),
    "torn watches": (0.05, 0.5),
}
SECONDS = {"slow calls": (0.5, 12.0), "lagging cache": (1.0, 30.0)}
PLAIN = ("frozen cache", "outage", "crash", "twin", "takeover", "sleeper", "standstill")
FAULTS = (*CHANCE, *SECONDS, *PLAIN, "clock jump", "crash after writes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """How often each thing is in a schedule. What happens rarely together is not found by chance."""

    branch: float = 0.5
    branches: tuple[str, ...] = ("x", "x", "y")
    depends: float = 0.4
    expires: float = 0.4
    retries: float = 0.25
    leased: float = 0.15
    fails: float = 0.3
    endless: float = 0.08
    cancelled: float = 0.15
    removed: float = 0.15
    disturbed: float = 0.1
    slow_end: float = 0.02
    faults: tuple[str, ...] = FAULTS
    kinds: tuple[str, ...] = ("Task", "Job", "Pod", "Lease", "Workspace")


THEMES: Mapping[str, Theme] = {
    "anything": Theme(),
    "branches": Theme(
        branch=1.0, depends=0.1, cancelled=0.3, removed=0.3, disturbed=0.2, slow_end=0.1, kinds=("Task", "Pod", "Lease")
    ),
    "stale locks": Theme(
        branch=1.0,
        branches=("x",),
        depends=0.0,
        fails=0.1,
        endless=0.4,
        removed=0.6,
        slow_end=0.5,
        faults=("frozen cache", "frozen cache", "lagging cache", "dropped events", "twin"),
        kinds=("Pod", "Lease"),
    ),
    "chains": Theme(branch=0.2, depends=0.9, expires=0.8, fails=0.15),
    "retries": Theme(retries=0.8, fails=0.9, endless=0.0, branch=0.2, depends=0.1, disturbed=0.2),
    "late ends": Theme(
        endless=0.7,
        depends=0.1,
        cancelled=0.6,
        slow_end=0.4,
        faults=("errors", "lost answers", "crash after writes", "crash", "twin"),
    ),
    "clients": Theme(
        leased=1.0,
        endless=0.8,
        fails=0.1,
        depends=0.0,
        branch=0.2,
        disturbed=0.05,
        faults=("frozen cache", "frozen cache", "outage", "outage", "crash", "lagging cache", "errors", "takeover"),
        kinds=("Task",),
    ),
    "sleepers": Theme(
        depends=0.1,
        removed=0.3,
        cancelled=0.7,
        endless=0.6,
        branch=0.1,
        faults=("sleeper", "sleeper", "crash after writes", "clock jump"),
    ),
}
"""Their order is part of what a seed means: seed N has the theme number N modulo their number."""


def generate(seed: int) -> Scenario:
    """Always the same for one seed."""
    rng = Random(seed)
    theme = [*THEMES.values()][seed % len(THEMES)]
    names = NAMES[: rng.choice((1, 2, 2, 2, 3, 4))]
    deeds = _things(rng)
    for name in names:
        deeds += _life(rng, theme, name, names)
    births = [deed.at for deed in deeds if deed.do == "create"]
    faults = [_fault(rng, theme, births) for _ in range(rng.choice((0, 1, 1, 2, 2, 3)))]
    scenario = Scenario(seed=seed, deeds=tuple(sorted(deeds, key=lambda deed: deed.at)), faults=tuple(faults))
    return with_additions(scenario)


def _things(rng: Random) -> list[Deed]:
    """What Tasks refer to: most is there from the beginning, some comes late or never, some goes."""
    deeds = []
    for name in THINGS:
        if rng.random() < 0.95:
            deeds.append(Deed(at=_moment(rng, 90) if rng.random() < 0.2 else 0.0, do="bring", name=name))
        if rng.random() < 0.05:
            deeds.append(Deed(at=_moment(rng, 90), do="take away", name=name))
    return deeds


def _life(rng: Random, theme: Theme, name: str, names: tuple[str, ...]) -> list[Deed]:
    born = 0.0 if rng.random() < 0.5 else _moment(rng, 40)
    wish = _wish(rng, theme, name, names)
    deeds = [Deed(at=born, do="create", name=name, wish=wish)]
    stays = any(script.runs_for is None for script in wish.scripts)
    if ANNOTATION_LEASE in wish.annotations:
        deeds += _heartbeats(rng, name, born)
    elif rng.random() < (0.9 if stays else theme.cancelled):
        deeds.append(Deed(at=born + _moment(rng, 60), do="cancel", name=name))
    if rng.random() < theme.removed:
        gone = born + _moment(rng, 60)
        deeds.append(Deed(at=gone, do="remove", name=name))
        if rng.random() < 0.7:
            again = _wish(rng, theme, name, names)
            deeds.append(Deed(at=gone + rng.choice((0.001, 0.5, 15.0, 40.0)), do="create", name=name, wish=again))
    for do in ("evict", "remove pod", "remove job"):
        if rng.random() < theme.disturbed:
            deeds.append(Deed(at=born + _moment(rng, 30), do=do, name=name))
    return deeds


def _heartbeats(rng: Random, name: str, born: float) -> list[Deed]:
    """A client that follows its Task and, some day, is gone without a word."""
    dies = born + _moment(rng, 110)
    return [Deed(at=at, do="renew", name=name) for beat in range(1, 20) if (at := born + BEAT_SECONDS * beat) < dies]


def _wish(rng: Random, theme: Theme, name: str, names: tuple[str, ...]) -> Wish:
    spec: Manifest = {"startTimeoutSeconds": rng.choice((60, 60, 200))}
    annotations = {}
    if rng.random() < theme.branch:
        spec |= {"branch": rng.choice(theme.branches), "workspaceRef": {"name": rng.choice(("repo", "repo", "twin"))}}
    if rng.random() < theme.depends:
        spec |= _dependencies(rng, name, names)
    if rng.random() < theme.expires:
        spec["ttlSecondsAfterFinished"] = rng.choice((0, 0, 1, 30))
    if rng.random() < theme.retries:
        spec["retries"] = rng.choice((1, 2))
    if rng.random() < 0.1:
        spec["timeoutSeconds"] = rng.choice((10, 40))
    if rng.random() < 0.15:
        spec |= {"type": "claude-code", "credentials": {"type": "api-key", "secretRef": {"name": "key"}}}
    if rng.random() < 0.15:
        spec["agentConfigRef"] = {"name": "house"}
    if rng.random() < theme.leased:
        annotations[ANNOTATION_LEASE] = json.dumps({"holder": "run 7", "count": 0, "seconds": LEASE_SECONDS})
    return Wish(spec=spec, annotations=annotations, scripts=tuple(_script(rng, theme) for _ in range(6)))


def _dependencies(rng: Random, name: str, names: tuple[str, ...]) -> Manifest:
    """Mostly on Tasks with an earlier name, so that chains and diamonds are more common than circles."""
    earlier = [other for other in names if other < name]
    found = earlier if earlier and rng.random() < 0.9 else [other for other in names if other != name]
    if rng.random() < 0.05 or not found:
        found = ["ghost"]
    chosen = rng.sample(found, rng.randint(1, min(2, len(found))))
    prompt = "".join(f'[{{{{index .Deps "{each}" "Results" "commit"}}}}]' for each in chosen)
    return {"dependsOn": chosen, "prompt": f"Go on at {prompt}"}


def _script(rng: Random, theme: Theme) -> Script:
    usage = Usage(input_tokens=rng.randint(1, 999), cost_usd=str(Decimal(rng.randint(1, 999)) / 100))
    stopped = Outcome(reason=Reason.CANCELLED, message="stopped", usage=usage) if rng.random() < 0.8 else None
    if rng.random() >= theme.fails:
        exit_code, outcome = 0, Outcome(usage=usage, git=GitFacts(branch="x", commit=f"{rng.getrandbits(160):040x}"))
    elif rng.random() < 0.1:
        exit_code, outcome = 1, None
    else:
        exit_code = rng.choice((80, 80, 81, 85, 83))
        outcome = Outcome(reason=EXIT_CODES[exit_code], message="boom", usage=usage)
    return Script(
        starts_after=rng.choice((0.5, 1.0, 8.0, 20.0)) if rng.random() < 0.95 else None,
        runs_for=rng.choice((0.5, 5.0, 20.0, 45.0)) if rng.random() >= theme.endless else None,
        exit_code=exit_code,
        outcome=outcome,
        ends_after=120.0 if rng.random() < theme.slow_end else rng.choice((0.1, 2.0, 15.0)),
        when_told=stopped,
    )


def _fault(rng: Random, theme: Theme, births: list[float]) -> Fault:
    what = rng.choice(theme.faults)
    at = 0.0 if rng.random() < 0.2 else _moment(rng, 60)
    if what == "sleeper" or (what == "frozen cache" and rng.random() < 0.5):
        at = max(0.0, rng.choice(births) - 0.5)  # when a Task starts, ignorance is most dangerous
    until = min(CALM_AT, at + rng.choice((2.0, 15.0, 50.0, 150.0)))
    kind = rng.choice(theme.kinds) if what.endswith(("cache", "events")) else ""
    if what in CHANCE:
        amount = rng.uniform(*CHANCE[what])
    elif what in SECONDS:
        amount = rng.uniform(*SECONDS[what])
    elif what == "clock jump":
        amount = rng.choice((-400.0, -30.0, 5.0, 30.0, 400.0))
    elif what == "crash after writes":
        amount = float(rng.randint(1, 9))
    else:
        amount = 1.0
    return Fault(at=at, until=until, what=what, kind=kind, amount=amount)


def _moment(rng: Random, latest: float) -> float:
    return round(rng.uniform(0, latest), 2)
