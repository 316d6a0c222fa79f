"""Manifests become models: mistakes name object and field, what we do not know is passed over."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from admission import cases, seeds
from kelos.api.codec import dump, parse_agent_config, parse_task, parse_task_spawner, parse_workspace
from kelos.api.reasons import Phase, Reason
from kelos.api.task_record import TaskRecord
from kelos.api.task_status import TaskAttempt, TaskStatus, TaskUsage
from kelos.errors import UserError

PARSERS = {
    "Task": parse_task,
    "TaskSpawner": parse_task_spawner,
    "Workspace": parse_workspace,
    "AgentConfig": parse_agent_config,
    "TaskRecord": TaskRecord.model_validate,
}


def task_manifest(**spec):
    base = {"prompt": "Fix the bug", "type": "demo", "credentials": {"type": "none"}}
    return {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "fix"}, "spec": {**base, **spec}}


@pytest.mark.parametrize("case", [case for case in cases() if not case.says], ids=str)
def test_what_the_api_server_accepts_can_be_read(case):
    """Whatever lies in the store, the controller must be able to look at it."""
    parsed = PARSERS[case.kind](case.manifest)

    assert "case" == parsed.meta.name


@pytest.mark.parametrize("manifest", [*seeds("readme", *PARSERS), *seeds("integration-guide", *PARSERS)], ids=str)
def test_what_was_read_can_be_written_again(manifest):
    """A dump has the fields that were set, under their manifest names, and nothing else."""
    parsed = PARSERS[manifest["kind"]](manifest)

    assert manifest["spec"] == dump(parsed)["spec"]


def test_a_mistake_names_object_and_field():
    """One message with all of them, in manifest spelling."""
    manifest = task_manifest(type="copilot", ttlSecondsAfterFinished="1h", agentConfigRefs=[{}], retries=9)

    with pytest.raises(UserError) as refused:
        parse_task(manifest)

    assert (
        "Task 'fix': spec.type must be one of 'claude-code', 'codex', 'gemini', 'opencode', 'cursor', 'demo' or ''; "
        "spec.agentConfigRefs[0].name is required; spec.agentConfigRefs must have at least 1 items; "
        "spec.ttlSecondsAfterFinished must be a whole number; spec.retries must be at most 5" == str(refused.value)
    )


def test_a_mistake_never_shows_the_value():
    """An MCP header may hold a token."""
    server = {"name": "m", "type": "http", "url": "https://x", "headers": {"Authorization": ["secret"]}}

    with pytest.raises(UserError) as refused:
        parse_agent_config({"metadata": {"name": "a"}, "spec": {"mcpServers": [server]}})

    assert "AgentConfig 'a': spec.mcpServers[0].headers.Authorization must be a string" == str(refused.value)


@pytest.mark.parametrize("manifest", [{}, {"spec": None}, {"spec": []}, {"metadata": [], "spec": {"prompt": "x"}}])
def test_a_manifest_without_shape_is_a_mistake_too(manifest):
    """Files hold anything; none of it is a traceback."""
    with pytest.raises(UserError, match="Task ''"):
        parse_task(manifest)


@pytest.mark.parametrize(("field", "value"), [("retries", "1"), ("retries", 1.0), ("strictTemplate", "yes")])
def test_nothing_is_guessed(field, value):
    """The API server would refuse these: so do we, before anything is sent."""
    with pytest.raises(UserError, match=field):
        parse_task(task_manifest(**{field: value}))


def test_null_means_absent():
    """As the API server has it."""
    spec = parse_task(task_manifest(podOverrides=None, dependsOn=None, retries=None)).spec

    assert (None, (), 0) == (spec.pod_overrides, spec.depends_on, spec.retries)


def test_python_names_are_not_manifest_names():
    """`depends_on` in a file is an unknown field, not a dependency."""
    assert () == parse_task(task_manifest(depends_on=["a"])).spec.depends_on


def test_a_status_we_do_not_understand_counts_as_not_written():
    """A newer controller's word, or somebody's patch, must not keep us from working; the rest is still read."""
    status = {"phase": "Exploded", "reason": "AgentError", "startTime": "soon", "jobName": "fix", "usage": {"cost": 1}}

    parsed = parse_task({**task_manifest(), "status": status}).status

    assert (None, Reason.AGENT_ERROR, None, "fix", None) == (
        parsed.phase,
        parsed.reason,
        parsed.start_time,
        parsed.job_name,
        parsed.usage,
    )


def test_a_status_is_written_by_its_manifest_names():
    """What we did not say is not in the patch."""
    ended = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
    attempt = TaskAttempt(pod_uid="u", exit_code=1, usage=TaskUsage(cost_usd="42m", cost="0.042"))
    status = TaskStatus(phase=Phase.FAILED, reason=Reason.OOM_KILLED, completion_time=ended, attempts=(attempt,))

    assert {
        "phase": "Failed",
        "reason": "OOMKilled",
        "completionTime": "2026-02-07T09:00:00Z",
        "attempts": [{"podUID": "u", "exitCode": 1, "usage": {"costUSD": "42m", "cost": "0.042"}}],
    } == dump(status)


def test_reading_leaves_the_manifest_alone():
    """Fields we do not know live on in the dictionary; that is what is patched and sent, never the model."""
    manifest = task_manifest(futureField={"a": [1]}, podOverrides={"affinity": {"x": None}, "hostUsers": False})
    before = json.dumps(manifest)

    parse_task(manifest)

    assert before == json.dumps(manifest)
