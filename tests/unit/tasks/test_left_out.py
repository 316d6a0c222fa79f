"""What people are told about wishes that a Task cannot have; it runs all the same."""

from __future__ import annotations

import pytest

import make
from kelos.api.codec import parse_agent_config
from kelos.api.reasons import warning_of
from kelos.plan import Tell
from kelos.tasks.plan import plan
from kelos.tasks.view import TaskView
from planning import status_of

PLUGIN = {"plugins": [{"name": "team", "agents": [{"name": "critic", "content": "x"}]}]}
SSE = {"mcpServers": [{"name": "old", "type": "sse", "url": "https://x"}]}
STDIO = {"mcpServers": [{"name": "tool", "type": "stdio", "command": "t"}]}
PACKAGE = {"skills": [{"source": "acme/skills"}]}


def started(config: dict | None = None, **spec: object) -> TaskView:
    """A Task about to start, with one AgentConfig if given."""
    if config is None:
        return make.view(make.task(**spec))
    found = parse_agent_config(make.agent_config_manifest(**config))
    return make.view(make.task(agentConfigRefs=[{"name": "house"}], **spec), agent_configs={"house": found})


def applied(view: TaskView) -> tuple[str, str]:
    found = {c["type"]: c for c in status_of(plan(view))["conditions"]}
    return found["FullyApplied"]["status"], found["FullyApplied"]["message"]


@pytest.mark.parametrize("agent", ["claude-code", "codex", "gemini", "opencode", "cursor", "demo"])
@pytest.mark.parametrize(
    ("config", "cannot"),
    [
        ({"agentsMD": "x"}, {"demo": "demo takes no instructions: agentsMD is left out"}),
        (STDIO, {"demo": "demo does not speak stdio with MCP servers: it cannot use 'tool'"}),
        (
            SSE,
            {
                "demo": "demo does not speak sse with MCP servers: it cannot use 'old'",
                "codex": "codex does not speak sse with MCP servers: it cannot use 'old'",
            },
        ),
        (
            PLUGIN,
            {
                "demo": "demo has no sub-agents from files: 'team:critic' is left out",
                "codex": "codex has no sub-agents from files: 'team:critic' is left out",
            },
        ),
        (PACKAGE, {"demo": "demo has no skills: 'acme/skills' is left out"}),
    ],
)
def test_what_an_agent_cannot_use_is_a_condition_and_a_warning(agent, config, cannot):
    """The Task runs all the same, as it does with the reference, which says nothing."""
    view = started(type=agent, config=config)

    is_applied, message = applied(view)

    told = [step.message for step in plan(view).steps if isinstance(step, Tell) and step.reason == "TaskPartlyApplied"]
    if agent in cannot:
        assert ("False", cannot[agent], [cannot[agent]]) == (is_applied, message, told)
        assert cannot[agent] == warning_of({"status": status_of(plan(view))})
    else:
        assert ("True", []) == (is_applied, told)


def test_a_task_that_asks_for_nothing_has_no_such_condition():
    """It would be noise on most Tasks."""
    assert "FullyApplied" not in {c["type"] for c in status_of(plan(started()))["conditions"]}


def test_a_variable_that_is_ours_is_said_to_be_left_out():
    view = started(podOverrides={"env": [{"name": "KELOS_MODEL", "value": "x"}]}, model="m")

    assert ("False", "podOverrides.env 'KELOS_MODEL' is left out: the controller sets it") == applied(view)
