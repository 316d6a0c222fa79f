"""What several Tasks come to together: one ending, totals, and one JSON object with every Task's outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from kelos.action.chain.followed import Followed
from kelos.action.chain.plan import Link
from kelos.action.conclusion import Conclusion, Ending, never_submitted, status_of
from kelos.action.outputs import VALUE_LIMIT_BYTES, results_of, typed_results
from kelos.api.kinds import Manifest
from kelos.api.reasons import Reason

GOOD = (Conclusion.SUCCESS, Conclusion.DETACHED, Conclusion.SKIPPED)
SUMMED = ("cost-usd", "input-tokens", "output-tokens", "cache-read-tokens", "cache-write-tokens")
NUMBERS = (*SUMMED, "duration-seconds", "queue-seconds", "attempt", "pr-number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A Task with its outputs, which are checked and may be shown."""

    task: Manifest
    values: Mapping[str, str]


def deciding(tasks: tuple[Followed, ...], links: tuple[Link, ...]) -> Followed:
    """The Task that failed first, else the last one of the file. `tasks` come in the order of their endings.

    One that failed because of another never decides before that one, whose end may be seen later.
    """
    failed = [one for one in tasks if one.ending is not None and one.ending.conclusion not in GOOD]
    failed.sort(key=lambda one: one.ending is not None and one.ending.reason == Reason.DEPENDENCY_FAILED.kebab)
    last = [link.key for link in links if link.is_last][-1]
    return failed[0] if failed else next(one for one in tasks if one.key == last)


def whole_ending(tasks: tuple[Followed, ...], links: tuple[Link, ...], *, is_interrupted: bool) -> Ending:
    """The ending of the step. After a signal the exit code is 130, whatever had ended before."""
    decided = deciding(tasks, links).ending or never_submitted()
    if len(tasks) > 1 and decided.conclusion is Conclusion.SUCCESS:
        decided = replace(decided, message=f"All {len(tasks)} Tasks succeeded")
    return replace(decided, exit_code=130) if is_interrupted else decided


def totals(told: Mapping[str, Told]) -> dict[str, str]:
    """Cost and tokens of all Tasks, as far as they are known."""
    sums: dict[str, str] = {}
    for name in SUMMED:
        known = [Decimal(one.values[name]) for one in told.values() if one.values[name]]
        sums[name] = format(sum(known, Decimal(0)), "f") if known else ""
    return sums


def tasks_output(told: Mapping[str, Told]) -> str:
    """JSON by key: the outputs with numbers as numbers and unknown ones as null, and the results.

    Past the output's limit first the agents' answers go, then all results: their files have them.
    """
    for without in ((), ("response",), None):
        text = json.dumps({key: _typed(one, without) for key, one in told.items()})
        if len(text) <= VALUE_LIMIT_BYTES:
            return text
    return ""


def discreet(task: Manifest, server_url: str) -> Manifest:
    """The Task without results that an agent wrote freely: only those that are outputs by themselves stay."""
    return {**task, "status": {**status_of(task), "results": typed_results(task, server_url)}}


def _typed(one: Told, without: tuple[str, ...] | None) -> dict[str, object]:
    others = (*NUMBERS, "created", "results", "tasks")
    typed: dict[str, object] = {name: value or None for name, value in one.values.items() if name not in others}
    for name in NUMBERS:
        typed[name] = json.loads(one.values[name]) if one.values[name] else None
    typed["created"] = one.values["created"] == "true" if one.values["created"] else None
    results = results_of(one.task) if without is not None else {}
    typed["results"] = {key: value for key, value in results.items() if key not in (without or ())}
    return typed
