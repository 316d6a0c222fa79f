"""Make a failing scenario small: leave things out as long as the same law is broken."""

from __future__ import annotations

from simulation.scenario import Scenario
from simulation.schedule import play


def shrink(scenario: Scenario) -> Scenario:
    """The smallest scenario found by leaving out one thing at a time, which breaks the first broken law, too."""
    law = _broken(scenario)
    if not law:
        return scenario
    while True:
        smaller = next((each for each in scenario.smaller() if _broken(each) == law), None)
        if smaller is None:
            return scenario
        scenario = smaller


def _broken(scenario: Scenario) -> str:
    violations = play(scenario).violations
    return violations[0].law if violations else ""
