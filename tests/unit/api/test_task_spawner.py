"""What a TaskSpawner means where it may say things in several places."""

from __future__ import annotations

import pytest

import make
from kelos.api.github_sources import CommentMode
from kelos.api.polling import poll_seconds
from kelos.api.spawner_status import SpawnerPhase
from kelos.api.task import TaskSpec
from kelos.api.task_template import TaskTemplate
from kelos.api.when import SourceKind
from kelos.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 300), ("10s", 10), ("5m", 300), ("1h30m", 5400), ("90", 90), ("1.5h", 5400)]
)
def test_an_interval_is_a_duration_or_a_number_of_seconds(text, seconds):
    """As the reference reads it."""
    assert seconds == poll_seconds(text)


@pytest.mark.parametrize("text", ["0", "9s", "-5m", "5 m", "soon", "1d", "9000h", "١٠٠", "10s\n", "9" * 30])
def test_an_interval_that_admission_refuses_is_not_guessed_at(text):
    """An object may be older than the definition that would refuse it."""
    with pytest.raises(UserError, match="pollInterval must be a duration such as 30s"):
        poll_seconds(text)


@pytest.mark.parametrize(
    ("when", "older", "seconds"),
    [
        ({"githubIssues": {}}, None, 300),
        ({"githubIssues": {}}, "2m", 120),
        ({"githubIssues": {"pollInterval": "1m"}}, "2m", 60),
        ({"githubIssues": {"pollInterval": ""}}, "2m", 120),
        ({"cron": {"schedule": "@daily"}}, "2m", 120),
    ],
)
def test_the_source_says_how_often(when, older, seconds):
    """The older place fills in."""
    assert seconds == make.task_spawner(when=when, pollInterval=older).spec.poll_seconds


@pytest.mark.parametrize("when", [{}, {"githubIssues": {}, "cron": {"schedule": "@daily"}}, {"slack": {}}])
def test_there_is_one_source(when):
    """Nobody chooses one among several."""
    with pytest.raises(UserError, match="exactly one source must be set"):
        _ = make.task_spawner(when=when).spec.when.source


def test_a_source_is_known_by_its_name():
    """The words of the manifest."""
    when = make.task_spawner(
        when={"jira": {"baseUrl": "https://j", "project": "ENG", "secretRef": {"name": "s"}}}
    ).spec.when

    assert (SourceKind.JIRA, "ENG", False) == (when.kind, when.source.project, when.kind.is_pushed)


def test_a_comment_policy_counts_in_either_form():
    """The older fields are the same as those of the policy."""
    older = make.task_spawner(when={"githubIssues": {"triggerComment": "/go", "excludeComments": ["/stop"]}})
    newer = make.task_spawner(
        when={"githubIssues": {"commentPolicy": {"triggerComment": "/go", "excludeComments": ["/stop"]}}}
    )

    assert older.spec.when.source.comments == newer.spec.when.source.comments
    assert older.spec.when.source.comments.has_commands


@pytest.mark.parametrize(
    ("reporting", "comments", "mode", "checks"),
    [
        (None, False, CommentMode.PER_TASK, False),
        ({}, False, CommentMode.PER_TASK, False),
        ({"enabled": True}, True, CommentMode.PER_TASK, False),
        ({"comments": {}}, True, CommentMode.PER_TASK, False),
        ({"comments": {"mode": "Sticky"}}, True, CommentMode.STICKY, False),
        ({"checks": {}}, False, CommentMode.PER_TASK, True),
    ],
)
def test_reporting_is_asked_for_in_either_form(reporting, comments, mode, checks):
    """An empty object already asks."""
    reports = make.task_spawner(when={"githubPullRequests": {"reporting": reporting}}).spec.when.source.reports

    assert (comments, mode, checks) == (reports.has_comments, reports.comment_mode, reports.has_checks)


def test_zero_is_no_limit():
    """As in the reference."""
    spec = make.task_spawner(maxConcurrency=0, maxTotalTasks=0).spec

    assert (None, None) == (spec.concurrency_limit, spec.total_limit)


def test_the_workspace_may_stand_in_two_places():
    """The template is read as a Task is."""
    worker = {"worker": {"type": "codex", "credentials": {"type": "none"}, "workspaceRef": {"name": "other"}}}

    assert ("repo", "other") == (
        make.task_spawner().spec.workspace_name,
        make.task_spawner(taskTemplate=worker).spec.workspace_name,
    )


def test_a_status_of_the_reference_is_read_as_far_as_it_is_understood():
    """What was installed before leaves its words behind."""
    status = make.task_spawner(status={"phase": "Polling", "totalTasksCreated": 7, "message": "m"}).status

    assert (None, 7, "m") == (status.phase, status.total_tasks_created, status.message)
    assert SpawnerPhase.RUNNING == make.task_spawner(status={"phase": "Running"}).status.phase


def test_a_template_may_say_whatever_a_task_may():
    """Its prompt is a template, and so has another name; a deadline or a retry is the same thing for both."""
    assert {"prompt"} == TaskSpec.model_fields.keys() - TaskTemplate.model_fields.keys()
