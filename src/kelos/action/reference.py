"""The page of everything the Action takes and gives, made from `action.yml` and the tables of the code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kelos.action.conclusion import CLIENT_ENDINGS, FAILED_BUT_NOT_A_FAILURE, PATIENT_REASONS, Conclusion
from kelos.action.documents import read_document
from kelos.api.reasons import Reason

ACTION = Path(__file__).parents[3] / "action.yml"
PATH = "docs/reference/action.md"
HEAD = """\
<!-- Generated from action.yml and src/kelos/action by `make generate`; do not edit. -->

# The Action

Inputs travel as environment variables, so nothing in them is ever run. An input that is empty counts as not given.
Durations are written like `90s`, `30m` or `1h30m`.
"""
OUTPUTS_NOTE = """\
Every output is always written; what is unknown, or was not safe to pass on, is empty. `task-name`, `namespace`,
`task-uid` and `created` are written as soon as the Task exists, so that a step which is killed leaves them.
"""
LOG_NOTE = """\
Every line of the agent begins with `| `, so that no workflow command counts in it. A problem matcher that an earlier
step has added may still make annotations of it: take it away before with `echo "::remove-matcher owner=NAME::"`.
"""
ENDINGS_NOTE = """\
`on-failure: warn` turns exit code 1 into 0 and leaves the outputs as they are.
"""


def pages() -> Iterator[tuple[str, str]]:
    """Path and content of the page."""
    action = read_document(ACTION.read_text(encoding="utf-8"), "action.yml")
    sections = (
        HEAD,
        "## Inputs\n",
        _table(("Input", "Meaning", "Default"), _inputs(action["inputs"])),
        "## Outputs\n",
        OUTPUTS_NOTE,
        _table(("Output", "Meaning"), _outputs(action["outputs"])),
        "## The log\n",
        LOG_NOTE,
        "## How a step ends\n",
        _table(("`conclusion`", "Exit code", "`failure-reason`"), _endings()),
        ENDINGS_NOTE,
    )
    yield PATH, "\n".join(sections)


def _inputs(inputs: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for name, one in inputs.items():
        default = str(one.get("default", ""))
        yield f"`{name}`", str(one["description"]), f"`{default}`" if default else ""


def _outputs(outputs: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for name, one in outputs.items():
        yield f"`{name}`", str(one["description"])


def _endings() -> Iterator[tuple[str, ...]]:
    """One row for each pair of conclusion and exit code, with the words that may stand beside it."""
    rows: dict[tuple[Conclusion, int], list[str]] = {}
    for conclusion in (Conclusion.SUCCESS, Conclusion.DETACHED, Conclusion.SKIPPED):
        rows[conclusion, 0] = []
    for reason in Reason:
        if reason not in PATIENT_REASONS:
            rows.setdefault((FAILED_BUT_NOT_A_FAILURE.get(reason, Conclusion.FAILURE), 1), []).append(reason.kebab)
    for client_reason, ending in CLIENT_ENDINGS.items():
        rows.setdefault(ending, []).append(client_reason.value)
    rows[Conclusion.FAILURE, 3].append(Reason.POLICY_DENIED.kebab)
    rows[Conclusion.CANCELLED, 130] = [Reason.CANCELLED.kebab]
    rows[Conclusion.DETACHED, 130] = []
    for (conclusion, code), words in sorted(rows.items(), key=lambda row: (row[0][1], row[0][0].value)):
        yield f"`{conclusion.value}`", str(code), ", ".join(f"`{word}`" for word in words)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (titles, ("---",) * len(titles), *rows)
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
