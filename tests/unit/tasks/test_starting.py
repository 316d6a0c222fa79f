"""The start of a Task: what is tried, and what is made."""

from __future__ import annotations

import pytest

import make
from kelos.api.codec import parse_agent_config
from kelos.api.kinds import JOB, LEASE, SECRET
from kelos.errors import Invalid
from kelos.plan import Create, Plan, Try
from kelos.tasks.plan import plan
from kelos.tasks.start import plan_refusal
from kelos.tasks.view import Lock, TaskView
from planning import status_of

WISH = {"env": [{"name": "A", "value": "1"}]}


def started(*, branch: bool = False, config: dict | None = None, **spec: object) -> TaskView:
    if branch:
        spec |= {"branch": "feature", "workspaceRef": {"name": "repo"}}
    if config is not None:
        spec["agentConfigRefs"] = [{"name": "house"}]
    return make.view(
        make.task(**spec),
        workspace=make.workspace() if branch else None,
        agent_configs={} if config is None else {"house": parse_agent_config(make.agent_config_manifest(**config))},
        locks=(Lock(name="feature", label="0123"),) if branch else (),
    )


def makes(decided: Plan) -> list[str]:
    return [f"{type(s).__name__} {s.kind}" for s in decided.steps if isinstance(s, Try | Create)]


@pytest.mark.parametrize(
    ("view", "steps"),
    [
        (started(), ["Create Job"]),
        (started(branch=True, config={"agentsMD": "x"}), ["Create Lease", "Create Secret", "Create Job"]),
        (started(podOverrides=WISH), ["Create Job"]),
        (started(podOverrides=WISH, branch=True), ["Try Job", "Create Lease", "Create Job"]),
        (started(podOverrides=WISH, config={"agentsMD": "x"}), ["Try Job", "Create Secret", "Create Job"]),
        (started(podFailurePolicy={"rules": []}, branch=True), ["Try Job", "Create Lease", "Create Job"]),
    ],
)
def test_a_pod_of_ones_own_form_is_tried_before_anything_is_made_for_it(view, steps):
    """One request more, where a mistake would leave something behind."""
    assert {str(JOB), str(LEASE), str(SECRET)} >= {step.split()[1] for step in steps}
    assert steps == makes(plan(view))


def test_what_is_tried_is_what_is_made():
    decided = plan(started(podOverrides=WISH, branch=True))

    tried, made = (next(s for s in decided.steps if isinstance(s, kind) and s.kind is JOB) for kind in (Try, Create))
    assert tried.manifest == made.manifest


def test_a_refused_try_ends_the_task_with_the_field_that_people_wrote():
    view = started(podOverrides={"affinity": {"nodeAfinity": {}}}, branch=True)
    (tried,) = [step for step in plan(view).steps if isinstance(step, Try)]
    answer = Invalid('strict decoding error: unknown field "spec.template.spec.affinity.nodeAfinity"')

    status = status_of(plan_refusal(view, tried, answer))

    assert ("Failed", "InvalidSpec") == (status["phase"], status["reason"])
    assert '"spec.podOverrides.affinity.nodeAfinity"' in status["message"]
