"""One seed, one script: spawners, what people do at issues and to spawners, and bad weather."""

from __future__ import annotations

from random import Random
from typing import Any

from simulation.scenario import CALM_AT, Fault
from simulation.spawning.script import Deed, Script

CHANCE = {
    "errors": (0.05, 0.5),
    "lost answers": (0.05, 0.6),
    "dropped events": (0.1, 0.9),
    "repeated events": (0.1, 0.9),
    "torn watches": (0.05, 0.5),
}
SECONDS = {"slow calls": (0.5, 12.0), "lagging cache": (1.0, 30.0), "tracker lags": (4.0, 8.0)}
PLAIN = (
    "frozen cache",
    "outage",
    "crash",
    "twin",
    "takeover",
    "sleeper",
    "token is dead",
    "tracker is down",
    "rate limit",
    "context is down",
)
FAULTS = (*CHANCE, *SECONDS, *PLAIN, "clock jump", "crash after writes", "crash after writes", "tracker hangs")
THEMES: dict[str, tuple[str, ...]] = {
    "anything": FAULTS,
    "leaders": (
        "twin",
        "late creates",
        "late creates",
        "sleeper",
        "tracker hangs",
        "tracker hangs",
        "lagging cache",
        "slow calls",
    ),
    "deaths": ("crash after writes", "crash after writes", "crash", "lost answers", "errors"),
    "trackers": (
        "tracker lags",
        "tracker lags",
        "tracker lags",
        "token is dead",
        "tracker is down",
        "rate limit",
        "tracker hangs",
    ),
}
"""Which faults there are: what happens rarely together is not found by chance."""
ASKED = {"githubIssues": {"pollInterval": "10s", "triggerComment": "/kelos"}}
PLAIN_ISSUES = {"githubIssues": {"pollInterval": "10s"}}


def generate(seed: int) -> Script:
    """Always the same for one seed."""
    rng = Random(seed)
    theme = [*THEMES][seed % len(THEMES)]
    kind = ("asked", "plain", "asked", "cron")[seed // len(THEMES) % 4]
    deeds = [Deed(at=0.0, do="create spawner", name="s", detail=_spec(rng, kind))]
    for key in ("1", "2", "3")[: rng.choice((1, 2, 3))] if kind != "cron" else ():
        deeds += _life(rng, key)
    deeds += _ownership(rng, kind)
    faults = [_fault(rng, THEMES[theme]) for _ in range(rng.choice((0, 1, 2, 2, 3, 4)))]
    faults += _refusals(Random(f"refusals {seed}"))
    return Script(seed=seed, deeds=tuple(sorted(deeds, key=lambda deed: deed.at)), faults=tuple(faults))


def _refusals(rng: Random) -> list[Fault]:
    """Times in which the cluster takes no Tasks; out of a seed of their own, so that all else stays as it was."""
    if rng.random() < 0.75:
        return []
    at = _moment(rng, 90)
    return [Fault(at=at, until=min(CALM_AT, at + rng.choice((5.0, 40.0, 100.0))), what="quota is spent", amount=1.0)]


def _spec(rng: Random, kind: str) -> dict[str, Any]:
    when: dict[str, Any] = {"asked": ASKED, "plain": PLAIN_ISSUES}.get(kind, {})
    if kind == "cron":
        when = {"cron": {"schedule": "* * * * *", "missedRuns": rng.choice(("All", "Latest"))}}
    spec: dict[str, Any] = {"when": when}
    if rng.random() < 0.4:
        spec["maxConcurrency"] = rng.choice((1, 2))
    if rng.random() < 0.15:
        spec["maxTotalTasks"] = rng.choice((1, 3))
    if rng.random() < 0.4:
        spec["retryPolicy"] = {"maxRetries": rng.choice((1, 2)), "backoffSeconds": rng.choice((1, 15))}
    return spec


def _life(rng: Random, key: str) -> list[Deed]:
    """An issue is opened, people ask and talk, it is closed and opened again."""
    born = 0.0 if rng.random() < 0.3 else _moment(rng, 60)
    deeds = [Deed(at=born, do="open", name=key)]
    for _ in range(rng.choice((0, 1, 2, 4))):
        do = rng.choice(("ask", "ask", "ask", "talk", "take back", "close", "open"))
        deeds.append(Deed(at=born + _moment(rng, 70), do=do, name=key))
    if rng.random() < 0.2:
        deeds.append(Deed(at=born + _moment(rng, 70), do="remove task", name=f"s-{key}"))
    return deeds


def _ownership(rng: Random, kind: str) -> list[Deed]:
    deeds = []
    if rng.random() < 0.3:
        start = _moment(rng, 60)
        deeds.append(Deed(at=start, do="edit spawner", name="s", detail={"suspend": True}))
        deeds.append(Deed(at=start + _moment(rng, 50), do="edit spawner", name="s", detail={"suspend": False}))
    if rng.random() < 0.2:
        limit = {"maxConcurrency": rng.choice((0, 1, 3))}
        deeds.append(Deed(at=_moment(rng, 90), do="edit spawner", name="s", detail=limit))
    if rng.random() < 0.1:
        gone = _moment(rng, 80)
        deeds.append(Deed(at=gone, do="delete spawner", name="s"))
        if rng.random() < 0.6:
            again = _spec(rng, kind)
            deeds.append(Deed(at=gone + rng.choice((0.01, 1.0, 20.0)), do="create spawner", name="s", detail=again))
    return deeds


def _fault(rng: Random, faults: tuple[str, ...]) -> Fault:
    what = rng.choice(faults)
    at = 0.0 if rng.random() < 0.2 else _moment(rng, 60)
    until = min(CALM_AT, at + rng.choice((2.0, 15.0, 50.0, 150.0)))
    kind = rng.choice(("Task", "Task", "TaskSpawner")) if what.endswith(("cache", "events")) else ""
    amount = 1.0
    if what in CHANCE:
        amount = rng.uniform(*CHANCE[what])
    elif what in SECONDS:
        amount = rng.uniform(*SECONDS[what])
    elif what == "clock jump":
        amount = rng.choice((-400.0, -30.0, 5.0, 30.0, 400.0))
    elif what == "crash after writes":
        amount = float(rng.randint(1, 9))
    elif what == "tracker hangs":
        amount = rng.choice((5.0, 200.0))
    return Fault(at=at, until=until, what=what, kind=kind, amount=amount)


def _moment(rng: Random, latest: float) -> float:
    return round(rng.uniform(0, latest), 2)
