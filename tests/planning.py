"""Reading plans in tests."""

from __future__ import annotations

from typing import Any

from kelos.api.kinds import JOB
from kelos.plan import Create, Plan, SetStatus, Tell


def status_of(decided: Plan) -> dict[str, Any]:
    """The one status write of a plan."""
    (step,) = [step for step in decided.steps if isinstance(step, SetStatus)]
    return step.body


def jobs_of(decided: Plan) -> list[str]:
    return [s.manifest["metadata"]["name"] for s in decided.steps if isinstance(s, Create) and s.kind is JOB]


def kinds_of(decided: Plan) -> list[str]:
    """The steps in order, without the stories told."""
    return [type(step).__name__ for step in decided.steps if not isinstance(step, Tell)]
