"""The comment below an issue or pull request: how it goes with the Tasks about it."""

from __future__ import annotations

from collections.abc import Iterable

from kelos.reporting.facts import cost, duration, facts, pull_request, sentence
from kelos.reporting.subject import State, Subject
from kelos.reporting.text import in_code
from kelos.reporting.thread import Thread

HEADING = "🤖 **Kelos Task Status**"
MOST_OTHERS = 10

_STATES = {State.ACCEPTED: "in progress ⏳", State.SUCCEEDED: "succeeded ✅", State.FAILED: "failed ❌"}


def comment(thread: Thread) -> str:
    """The newest Task in full, the others in a line each: those that still run first, then the newest.

    No line begins with what somebody else wrote, so that none can be a command to anybody.
    """
    newest, *others = [s for s in reversed(thread.subjects) if s.state is not None]
    blocks = [HEADING, sentence(newest), "\n".join(facts(newest)), _others(others), thread.marker]
    return "\n\n".join(filter(None, blocks))


def _others(subjects: Iterable[Subject]) -> str:
    ordered = sorted(subjects, key=lambda s: s.state is not None and s.state.is_final)
    if not ordered:
        return ""
    lines = ["Other Tasks here:", "", *map(_line, ordered[:MOST_OTHERS])]
    left = len(ordered) - MOST_OTHERS
    return "\n".join([*lines, f"- and {left} more"] if left > 0 else lines)


def _line(subject: Subject) -> str:
    state = subject.state
    assert state is not None
    numbers = (duration(subject), cost(subject)) if state.is_final else ()
    told = (_STATES[state], *numbers, pull_request(subject))
    return f"- Task {in_code(subject.name)}: {', '.join(filter(None, told))}"
