"""A Task may say who works in two places; what counts is said in one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kelos.api.codec import parse_agent_config, parse_task
from kelos.api.pod_overrides import PodOverrides
from kelos.api.worker import AgentType, CredentialsType

FLAT = {
    "type": "codex",
    "credentials": {"type": "none"},
    "model": "flat-model",
    "effort": "low",
    "image": "flat-image",
    "workspaceRef": {"name": "flat-workspace"},
    "agentConfigRefs": [{"name": "flat-a"}, {"name": "flat-b"}],
    "podOverrides": {"labels": {"from": "flat"}},
}


def effective(**spec):
    return parse_task({"metadata": {"name": "fix"}, "spec": {"prompt": "x", **spec}}).spec.effective


def test_flat_fields_count_without_a_worker():
    """The form that most manifests have."""
    worker = effective(**FLAT)

    assert AgentType.CODEX is worker.agent_type
    assert worker.credentials is not None
    assert CredentialsType.NONE is worker.credentials.type
    assert ("flat-model", "low", "flat-image") == (worker.model, worker.effort, worker.image)
    assert ("flat-workspace", ("flat-a", "flat-b")) == (worker.workspace_name, worker.agent_config_names)
    assert {"from": "flat"} == worker.pod_overrides.labels


def test_a_worker_wins_field_by_field():
    """What it does not say, or says with an empty word, is taken from the flat field beside it."""
    worker = effective(**FLAT, worker={"type": "gemini", "model": "", "image": "own", "workspaceRef": {"name": "own"}})

    assert (AgentType.GEMINI, "flat-model", "own", "own") == (
        worker.agent_type,
        worker.model,
        worker.image,
        worker.workspace_name,
    )
    assert ("flat-a", "flat-b") == worker.agent_config_names


def test_the_older_single_agent_config_counts():
    """v1alpha1 knew only one."""
    assert ("old",) == effective(type="codex", agentConfigRef={"name": "old"}).agent_config_names


def test_nothing_said_is_nothing():
    """No agent is guessed."""
    worker = effective(type="")

    assert (None, None, "", (), PodOverrides()) == (
        worker.agent_type,
        worker.credentials,
        worker.workspace_name,
        worker.agent_config_names,
        worker.pod_overrides,
    )


@pytest.mark.parametrize(
    ("phase", "expected"), [("Succeeded", True), ("Failed", True), ("Running", False), ("", False)]
)
def test_a_task_is_finished_in_a_terminal_phase(phase, expected):
    """And in no other."""
    task = parse_task({"metadata": {"name": "fix"}, "spec": {"prompt": "x"}, "status": {"phase": phase}})

    assert expected == task.is_finished


def test_a_task_that_is_going_away_says_so():
    """Kubernetes only sets a time."""
    meta = {"name": "fix", "deletionTimestamp": "2026-02-07T09:00:00Z"}

    assert parse_task({"metadata": meta, "spec": {"prompt": "x"}}).is_being_deleted


def test_models_do_not_change():
    """They are handed around between passes."""
    task = parse_task({"metadata": {"name": "fix"}, "spec": {"prompt": "x"}})

    with pytest.raises(ValidationError, match="frozen"):
        task.spec.prompt = "y"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"B": "2", "A": "1"}, ({"name": "A", "value": "1"}, {"name": "B", "value": "2"})),
        ([{"name": "B", "value": "2"}, {"name": "A"}], ({"name": "B", "value": "2"}, {"name": "A"})),
        (None, ()),
    ],
)
def test_an_mcp_environment_reads_the_same_in_both_forms(env, expected):
    """A map in v1alpha1, a list in v1alpha2: readers see one."""
    server = {"name": "m", "type": "stdio", "command": "x", "env": env}
    config = parse_agent_config({"metadata": {"name": "a"}, "spec": {"mcpServers": [server]}})

    assert expected == config.spec.mcp_servers[0].env_entries
