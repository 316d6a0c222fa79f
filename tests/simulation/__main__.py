"""Play schedules: `--seed 7` tells one in full, `--seeds 0:5000` judges many, `--soak` never ends."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterable
from random import SystemRandom

from simulation.garbage import with_few_collections
from simulation.generator import generate
from simulation.schedule import Played, play
from simulation.shrink import shrink

PROGRESS_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play one schedule and print everything that happens")
    parser.add_argument("--seeds", metavar="FROM:TO", help="play these and stop at the first that fails")
    parser.add_argument("--soak", action="store_true", help="play fresh seeds until stopped or until one fails")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return tell(options.seed)
    if options.seeds:
        first, _, end = options.seeds.partition(":")
        return judge(range(int(first), int(end)))
    first = SystemRandom().randrange(10**9, 10**12)
    try:
        return judge(itertools.count(first) if options.soak else range(first, first + 100))
    except KeyboardInterrupt:
        print("stopped; no schedule failed")
        return 0


def tell(seed: int) -> int:
    """One schedule in full."""
    scenario = generate(seed)
    played = play(scenario, with_trace=True)
    print(f"seed {seed}\n{scenario}\n--")
    print("\n".join(played.trace))
    return report(seed, played)


def judge(seeds: Iterable[int]) -> int:
    """Many; a line of progress now and then, and the first failure made small."""
    started_at = told_at = time.monotonic()
    number, hours = 0, 0.0
    for number, seed in enumerate(with_few_collections(seeds), 1):
        played = play(generate(seed))
        hours += played.seconds / 3600
        if played.violations:
            report(seed, played)
            print(f"replay: PYTHONPATH=tests python -m simulation --seed {seed}\nthe same, made small:")
            print(shrink(generate(seed)))
            return 1
        if time.monotonic() - told_at >= PROGRESS_SECONDS:
            told_at = time.monotonic()
            print(f"{number} schedules, {hours:.0f} virtual hours, last seed {seed}", flush=True)
    print(
        f"{number} schedules, {hours:.0f} virtual hours, {time.monotonic() - started_at:.0f} s: none failed", flush=True
    )
    return 0


def report(seed: int, played: Played) -> int:
    for violation in played.violations:
        print(f"seed {seed} fails: every Task {violation.law}: {violation.text}")
    return 1 if played.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
