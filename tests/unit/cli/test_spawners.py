"""What tables and details say of a TaskSpawner."""

from __future__ import annotations

import pytest

import make
from kelos.cli.detail import describe
from kelos.cli.spawners import source_of

GENERIC = {"source": "alerts", "fieldMapping": {"id": "$.id"}}


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"githubIssues": {}}, "GitHub Issues"),
        ({"githubPullRequests": {}}, "GitHub Pull Requests"),
        ({"jira": {"baseUrl": "https://j", "project": "ENG", "secretRef": {"name": "s"}}}, "ENG"),
        ({"cron": {"schedule": "0 9 * * 1"}}, "cron: 0 9 * * 1"),
        ({"githubWebhook": {"events": ["push"]}}, "GitHub Webhook"),
        ({"githubWebhook": {"events": ["push"], "repository": "acme/shop"}}, "GitHub Webhook (acme/shop)"),
        ({"linearWebhook": {"types": ["Issue"]}}, "Linear Webhook"),
        ({"webhook": GENERIC}, "Generic Webhook (alerts)"),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_source_is_said_in_a_few_words(when, words):
    """Those of the reference."""
    assert words == source_of(make.task_spawner_manifest(when=when))


def shown(**parts) -> dict[str, str]:
    lines = describe(make.task_spawner_manifest(**parts), make.NOW).splitlines()
    return {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}


def test_a_detail_shows_what_counts():
    """Wherever it was written, and with what holds when nothing was."""
    worker = {
        "type": "codex",
        "credentials": {"type": "oauth", "secretRef": {"name": "key"}},
        "workspaceRef": {"name": "w"},
    }
    issues = {"labels": ["bug", "help wanted"], "commentPolicy": {"triggerComment": "/go"}}

    said = shown(when={"githubIssues": issues}, taskTemplate={"worker": worker}, pollInterval="2m")

    assert ("bugs", "team", "GitHub Issues", "120s") == tuple(
        said[label] for label in ("Name", "Namespace", "Source", "Poll Interval")
    )
    assert ("bug, help wanted", '{"triggerComment": "/go"}') == (said["labels"], said["commentPolicy"])
    assert ("w", "codex", "key", "{{.Title}}") == tuple(
        said[label] for label in ("Workspace", "Task Type", "Secret", "Prompt")
    )
    assert ("no", "Shared", "no limit", "no limit", "none") == tuple(
        said[label] for label in ("Suspended", "Isolation", "Max Concurrency", "Max Total Tasks", "Retries")
    )


def test_a_detail_shows_how_it_is_doing():
    """The sentence of every condition."""
    ready = {"type": "Ready", "status": "False", "reason": "NoWebhookServer", "message": "It waits for its server"}

    said = shown(status={"phase": "Running", "activeTasks": 0, "totalTasksCreated": 7, "conditions": [ready]})

    assert ("Running", "0", "7") == tuple(said[label] for label in ("Phase", "Active Tasks", "Tasks Created"))
    assert "Ready: False (NoWebhookServer) It waits for its server" == said["Conditions"]


def test_a_detail_of_what_admission_would_refuse_says_what_is_wrong():
    """It may be older than the definition."""
    assert "pollInterval must be a duration" in shown(when={"githubIssues": {"pollInterval": "soon"}})["Mistake"]
    assert (
        "exactly one source must be set"
        in shown(when={"githubIssues": {}, "jira": None, "cron": {"schedule": "x"}})["Mistake"]
    )
