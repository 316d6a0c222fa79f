"""The published agent CLIs in our images on a real node, against a provider and a git host in the cluster."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from agents_live.equipment import INSTRUCTIONS, MARKS, SKILL, STAMP
from agents_live.expected import DONE, SUCCESS
from agents_live.work import FORGED, expected_cost
from kelos.api.kinds import Manifest
from kelos.api.outcome import Usage
from providers.scenario import Tokens

from .agent_cells import KEY, Cell, chosen
from .agent_field import CREDENTIALS, REPOSITORY, STAMPS, Field, field, limit_of
from .leftovers import assert_left, left
from .servers.git import SECRET, GitHost

__all__ = ["field"]


def of(*whats: str) -> pytest.MarkDecorator:
    """The chosen cells of these scenarios, all when none is named."""
    cells = [cell for cell in chosen() if not whats or cell.what in whats]
    return pytest.mark.parametrize("cell", cells, ids=[cell.name for cell in cells])


@of()
def test_an_ending(field: Field, git_host: GitHost, cell: Cell) -> None:
    """Reason, sentence and exit code are those that the CLI has outside of a cluster, and the key is nowhere."""
    status = field.end(cell)

    (attempt,) = status["attempts"]
    expected = SUCCESS if cell.end.may_succeed and attempt["exitCode"] == 0 else cell.end
    reason = expected.reason.value if expected.reason else None
    assert (reason, expected.exit_code) == (status.get("reason"), attempt["exitCode"]), status
    assert ("Failed" if reason else "Succeeded") == status["phase"]
    assert expected.is_told_by(status["message"], limit_of(cell)), status["message"]
    assert cell.cli.model == status["results"]["model"]
    asked = field.asked(cell)
    assert asked
    assert all(one["has_right_key"] for one in asked)
    if cell.what != "push":
        assert "" == git_host.commit(REPOSITORY, f"kelos/{cell.name}")
        assert "false" == status["results"]["pushed"]
    assert KEY not in json.dumps(status) + field.log(cell)


@of("push")
def test_an_edit_a_commit_and_a_push(field: Field, git_host: GitHost, cell: Cell) -> None:
    """The commit is on the host, and every number of the CLI in the status."""
    status = field.end(cell)

    branch = f"kelos/{cell.name}"
    results, commit = status["results"], git_host.commit(REPOSITORY, branch)
    assert "written by the agent" == git_host.git(REPOSITORY, "show", f"{commit}:NOTES.md")
    told = [results.get(key) for key in ("branch", "commit", "base-branch", "pushed", "response")]
    assert [branch, commit, "main", "true", b64encode(DONE.encode()).decode()] == told
    call = (cell.cli.dialect, cell.cli.asked_model or cell.cli.model)
    assert [call] * 3 == [(one["dialect"], one["model"]) for one in field.asked(cell)]
    usage = cell.cli.usage(Tokens(), 3)
    expected = {
        "inputTokens": usage.input_tokens,
        "cacheReadTokens": usage.cache_read_tokens,
        "cacheWriteTokens": usage.cache_write_tokens,
        "outputTokens": usage.output_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "model": cell.cli.model,
    }
    assert {key: value for key, value in expected.items() if value is not None} == _counts(status["usage"])
    assert _cost(field, cell, usage) == status["usage"].get("cost") == results.get("cost-usd")


@of("forged-markers")
def test_forged_markers_are_not_believed(field: Field, cell: Cell) -> None:
    """What the agent wrote to the log is there, and nothing of it in the status."""
    status = field.end(cell)

    assert "\n".join(("", *FORGED, "")) in field.log(cell), "the forgery did not get into the log"
    assert f"kelos/{cell.name}" == status["results"]["branch"]
    assert not set(FORGED) & set(status["outputs"])
    assert "0" * 40 != status["results"]["commit"]


@of("equipped")
def test_instructions_skills_and_tool_servers_are_there_and_used(field: Field, cell: Cell) -> None:
    """The model was told, and had answers of the tool server and the skill; the server's secret is in no object."""
    field.end(cell)

    first, *_, last = field.asked(cell)
    assert {INSTRUCTIONS, SKILL} <= set(first["marks"])
    assert set(MARKS) == set(last["marks"]), field.log(cell)[-4000:]
    objects = field.place.kubectl("get", "tasks,jobs,pods,events,agentconfigs", "-o", "json")
    assert INSTRUCTIONS in objects
    assert STAMP not in objects


def test_agents_leave_what_tasks_leave(field: Field) -> None:
    """Whatever became of them: the Job and the log of each, and nothing that runs or is locked."""
    for cell in field.cells:
        field.end(cell)

    kept = [f"{kind}/{cell.name}" for cell in field.cells for kind in ("Job", "Pod")]
    ours = [name for name in left(field.place) if name.startswith("Secret/equipped-")]
    assert sum(cell.what == "equipped" for cell in field.cells) == len(ours)
    given = (f"Secret/{CREDENTIALS}", f"Secret/{SECRET}", f"Secret/{STAMPS}", "ConfigMap/script")
    assert_left(field.place, *kept, *ours, *given)


def _counts(usage: Manifest) -> Manifest:
    return {key: value for key, value in usage.items() if key not in ("cost", "costUSD")}


def _cost(field: Field, cell: Cell, usage: Usage) -> str | None:
    lines = [line for line in field.log(cell).splitlines() if line.startswith("{")]
    return expected_cost(cell.cli, usage, [json.loads(line) for line in lines])
