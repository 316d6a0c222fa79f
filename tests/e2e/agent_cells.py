"""The table of the agents in pods: which CLI meets which behaviour of its provider, and what must come of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from agents_live.clis import CLAUDE, GEMINI, Cli
from agents_live.equipment import equipped
from agents_live.expected import ENDS, SCENARIOS, TURNS, End
from agents_live.work import WORK_ENDS, WORKS
from providers.scenario import Scenario

KEY = "sk-kelos-in-cluster-0123456789"
FIRST_PORT = 9000
# Every cell takes minutes of two cores; these show in CI that images, credentials and outcomes fit together.
ALWAYS = ("push", "forged-markers", "equipped", "401")
ALSO = (
    *("429-once", "429-for-ever", "500-once", "500-for-ever", "broken-stream-once", "broken-streams", "ended-streams"),
    *("refusal", "endless-tools", "fifty-megabytes"),
)
ALL_VARIABLE = "KELOS_E2E_AGENTS"  # "all" for both lists
TABLE = {**ENDS, **WORK_ENDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One Task."""

    name: str
    what: str
    cli: Cli
    port: int

    @property
    def scenario(self) -> Scenario:
        return equipped(self.cli) if self.what == "equipped" else {**SCENARIOS, **WORKS}[self.what]

    @property
    def end(self) -> End:
        return TABLE[self.what][self.cli]

    def files(self, url: str) -> dict[str, str]:
        """Files below HOME, the program with one more argument among them."""
        found = dict(self.cli.files(url))
        if self.what == "endless-tools" and self.cli is CLAUDE:
            found["bin/claude"] = f'#!/bin/sh\nexec /usr/local/bin/claude "$@" --max-turns={TURNS}\n'
        if self.what == "endless-tools" and self.cli is GEMINI:
            found[".gemini/settings.json"] = json.dumps({"model": {"maxSessionTurns": TURNS}})
        return found


CELLS = tuple(
    Cell(name=f"{what}-{cli.label}", what=what, cli=cli, port=FIRST_PORT + number)
    for number, (what, cli) in enumerate((what, cli) for what in (*ALWAYS, *ALSO) for cli in TABLE[what])
)


def chosen() -> tuple[Cell, ...]:
    """The cells of this run."""
    wanted = (*ALWAYS, *ALSO) if os.environ.get(ALL_VARIABLE) == "all" else ALWAYS
    return tuple(cell for cell in CELLS if cell.what in wanted)
