"""Play schedules of spawners: `--seed 7` tells one in full, `--seeds 0:5000` judges many."""

from __future__ import annotations

import argparse
import sys
import time

from simulation.garbage import with_few_collections
from simulation.spawning.generator import generate
from simulation.spawning.script import Script
from simulation.spawning.stage import play


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation.spawning", description=__doc__)
    parser.add_argument("--seed", type=int, help="play one schedule and print everything that happens")
    parser.add_argument("--seeds", metavar="FROM:TO", default="0:1000", help="stop at the first that fails")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return tell(options.seed)
    first, _, end = options.seeds.partition(":")
    return judge(range(int(first), int(end)))


def tell(seed: int) -> int:
    played = play(generate(seed), with_trace=True)
    print(f"seed {seed}\n{generate(seed)}\n--", *played.trace, sep="\n")
    for violation in played.violations:
        print(f"seed {seed} fails: {violation.law}: {violation.text}")
    return 1 if played.violations else 0


def judge(seeds: range) -> int:
    started_at, tasks, seconds = time.monotonic(), 0, 0.0
    for seed in with_few_collections(seeds):
        played = play(generate(seed))
        tasks, seconds = tasks + played.started, seconds + played.seconds
        if played.violations:
            print(f"seed {seed} fails: {played.violations[0].law}: {played.violations[0].text}")
            print(f"replay: PYTHONPATH=tests python -m simulation.spawning --seed {seed}\nthe same, made small:")
            print(shrink(generate(seed)))
            return 1
    took = time.monotonic() - started_at
    print(f"{len(seeds)} schedules, {tasks} Tasks, {seconds / 3600:.0f} virtual hours, {took:.0f} s: none failed")
    return 0


def shrink(script: Script) -> Script:
    """The smallest script, leaving out one thing at a time, that breaks the same law."""
    law = broken(script)
    while law and (smaller := next((each for each in script.smaller() if broken(each) == law), None)) is not None:
        script = smaller
    return script


def broken(script: Script) -> str:
    violations = play(script).violations
    return violations[0].law if violations else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
