"""What admission cannot see is told in one sentence per mistake, before anything is polled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import make
from kelos.api.codec import parse_task_spawner
from kelos.spawning.validity import check_task_spawner

DATA = Path(__file__).parents[2] / "data"
TEMPLATE = {"type": "demo", "credentials": {"type": "none"}, "workspaceRef": {"name": "repo"}}


def admitted():
    vectors = yaml.safe_load((DATA / "admission" / "task-spawner.yaml").read_text())
    for case in vectors["cases"]:
        if "says" not in case:
            manifest = {"metadata": {"name": "x"}, "spec": {**vectors["base"], **case["spec"]}}
            yield pytest.param(manifest, id=case["id"])
    for name in ("readme.yaml", "integration-guide.yaml"):
        for manifest in yaml.safe_load_all((DATA / "seeds" / name).read_text()):
            if manifest and manifest["kind"] == "TaskSpawner":
                yield pytest.param(manifest, id=manifest["metadata"]["name"])


@pytest.mark.parametrize("manifest", list(admitted()))
def test_what_is_admitted_and_right_has_no_mistakes(manifest):
    """A rule too many would stop a spawner that worked before."""
    assert () == check_task_spawner(parse_task_spawner(manifest))


def source(**when):
    return {"when": when}


def template(**fields):
    return {"taskTemplate": {**TEMPLATE, **fields}}


def context(**http):
    return template(contextSources=[{"name": "a", "http": {"url": "https://x", **http}}])


def event(**fields):
    return source(githubWebhook={"events": ["push"], "filters": [{"event": "push", **fields}]})


UNCLOSED = "Template line 1, column 3: the action is not closed; end it with }}"
KEY = "must be at most 63 letters, digits, '-', '_' and '.', perhaps after a domain and '/'"
ADDRESS = "must be an address like https://host/path, without user, query, fragment or whitespace"


@pytest.mark.parametrize(
    ("spec", "field", "sentence"),
    [
        (
            source(cron={"schedule": "0 9 * * 7"}),
            "when.cron.schedule",
            "Schedule '0 9 * * 7' must have the day of week",
        ),
        (
            source(cron={"schedule": "0 0 30 2 *"}),
            "when.cron.schedule",
            "Schedule '0 0 30 2 *' never comes: no month",
        ),
        (
            source(cron={"schedule": "TZ=UTC @daily", "timeZone": "Asia/Tokyo"}),
            "when.cron.schedule",
            "Schedule 'TZ=UTC @daily' must not name a time zone when 'timeZone' is set",
        ),
        (
            source(cron={"schedule": "@daily", "timeZone": "Mars"}),
            "when.cron.timeZone",
            "Time zone 'Mars' is not known",
        ),
        (
            source(githubIssues={"pollInterval": "1s"}),
            "when.githubIssues.pollInterval",
            "pollInterval must be a duration such as 30s",
        ),
        (
            source(githubIssues={"repo": "https://github.com/acme"}),
            "when.githubIssues.repo",
            "must be owner/repo, or the address of a repository such as https://host/owner/repo",
        ),
        (
            source(githubIssues={"repo": "ftp://x/a/b"}),
            "when.githubIssues.repo",
            "the repository URL must look like",
        ),
        (
            source(githubPullRequests={"filePatterns": {"include": ["ok/**", "{a"]}}),
            "when.githubPullRequests.filePatterns.include[1]",
            "Glob '{a' must have a '}' for its '{'",
        ),
        (
            source(githubPullRequests={"filePatterns": {"exclude": ["["]}}),
            "when.githubPullRequests.filePatterns.exclude[0]",
            "Glob '[' must have a ']' for its '['",
        ),
        (
            source(jira={"baseUrl": "https://me:secret@j", "project": "A", "secretRef": {"name": "j"}}),
            "when.jira.baseUrl",
            ADDRESS,
        ),
        (event(branch="["), "when.githubWebhook.filters[0].branch", "Glob '[' must have"),
        (event(tag="v{"), "when.githubWebhook.filters[0].tag", "Glob 'v{' must have"),
        (event(checkName="}"), "when.githubWebhook.filters[0].checkName", "Glob '}' must have"),
        (
            event(bodyPattern="("),
            "when.githubWebhook.filters[0].bodyPattern",
            "Pattern '(' is not a regular expression",
        ),
        (
            event(excludeBodyPatterns=["ok", "("]),
            "when.githubWebhook.filters[0].excludeBodyPatterns[1]",
            "Pattern '(' is not a regular expression",
        ),
        (
            event(filePatterns={"include": ["{"]}),
            "when.githubWebhook.filters[0].filePatterns.include[0]",
            "Glob '{' must have",
        ),
        (
            source(githubWebhook={"events": ["push"], "repository": "shop"}),
            "when.githubWebhook.repository",
            "'shop' must be owner/repo",
        ),
        (
            source(webhook={"source": "a", "fieldMapping": {"id": "$."}}),
            "when.webhook.fieldMapping['id']",
            "JSONPath '$.' ends too early",
        ),
        (
            source(
                webhook={"source": "a", "fieldMapping": {"id": "$.id"}, "filters": [{"field": "$.a", "pattern": "("}]}
            ),
            "when.webhook.filters[0].pattern",
            "Pattern '(' is not a regular expression",
        ),
        (
            source(
                webhook={"source": "a", "fieldMapping": {"id": "$.id"}, "excludeFilters": [{"field": "]", "value": ""}]}
            ),
            "when.webhook.excludeFilters[0].field",
            "JSONPath ']' must begin with '$'",
        ),
        ({"pollInterval": "soon"}, "pollInterval", "pollInterval must be a duration"),
        (
            {"credentials": [{"name": "a", "type": "oauth", "secretRef": {"name": "No"}}]},
            "credentials[0].secretRef.name",
            "Secret 'No' is not a legal name",
        ),
        (template(promptTemplate="{{"), "taskTemplate.promptTemplate", UNCLOSED),
        (template(branch="{{"), "taskTemplate.branch", UNCLOSED),
        (template(baseRef="{{"), "taskTemplate.baseRef", UNCLOSED),
        (template(baseRef="{{.ID}}", workspaceRef=None), "taskTemplate", "baseRef may not be set without a Workspace"),
        (
            template(promptTemplate="{{.Title}}" * 2001),
            "taskTemplate.promptTemplate",
            "the template has more than 2000 actions, or 32768 characters in them: use fewer",
        ),
        (
            template(metadata={"annotations": {f"a{number}": "" for number in range(65)}}),
            "taskTemplate.metadata.annotations",
            "must be at most 64, there are 65",
        ),
        (template(nameTemplate="{{"), "taskTemplate.nameTemplate", UNCLOSED),
        (template(nameTemplate="{{.Context.a}}"), "taskTemplate.nameTemplate", "must not use 'Context'"),
        (template(upstreamRepo="https://x/a/b"), "taskTemplate.upstreamRepo", "'https://x/a/b' must be owner/repo"),
        (template(dependsOn=["ok", "No"]), "taskTemplate.dependsOn[1]", "Task 'No' is not a legal name"),
        (template(metadata={"labels": {"a b": ""}}), "taskTemplate.metadata.labels['a b']", KEY),
        (template(metadata={"labels": {"a": "{{"}}), "taskTemplate.metadata.labels['a']", UNCLOSED),
        (
            template(metadata={"labels": {"kelos.dev/taskspawner": "x"}}),
            "taskTemplate.metadata.labels['kelos.dev/taskspawner']",
            "may not be set: it is set for you",
        ),
        (template(metadata={"annotations": {"x/": ""}}), "taskTemplate.metadata.annotations['x/']", KEY),
        (
            template(metadata={"annotations": {"kelos.dev/cancel-requested": "{}"}}),
            "taskTemplate.metadata.annotations['kelos.dev/cancel-requested']",
            "may not be set: it is set for you",
        ),
        (context(url="https://x/{{"), "taskTemplate.contextSources[0].http.url", "Template line 1, column 13"),
        (
            context(url="file:///etc"),
            "taskTemplate.contextSources[0].http.url",
            "must begin with https://, not 'file:'",
        ),
        (
            context(url="file:///etc", allowInsecure=True),
            "taskTemplate.contextSources[0].http.url",
            "must begin with http:// or https://, not 'file:'",
        ),
        (context(body="{{"), "taskTemplate.contextSources[0].http.body", UNCLOSED),
        (context(headers={"X-A": "{{"}), "taskTemplate.contextSources[0].http.headers['X-A']", UNCLOSED),
        (
            context(headers={"A\r\nB": ""}),
            "taskTemplate.contextSources[0].http.headers['A??B']",
            "must be the name of a header: letters, digits and '-'",
        ),
        (
            context(headersFrom=[{"header": "A B", "secretName": "s", "secretKey": "k"}]),
            "taskTemplate.contextSources[0].http.headersFrom[0].header",
            "must be the name of a header",
        ),
        (
            context(responseFilter={"expression": "$["}),
            "taskTemplate.contextSources[0].http.responseFilter.expression",
            "JSONPath '$[' ends too early",
        ),
        (
            context(githubAppAuth={"secretRef": {"name": "a"}, "apiBaseURL": "https://u:p@h"}),
            "taskTemplate.contextSources[0].http.githubAppAuth.apiBaseURL",
            ADDRESS,
        ),
        (
            template(podOverrides={"volumes": [{"name": "workspace"}]}),
            "taskTemplate",
            "volume name 'workspace' must not be 'workspace' or start with 'kelos-'",
        ),
    ],
)
def test_a_mistake_is_told_with_its_field(spec, field, sentence):
    """One mistake is one sentence, and no other."""
    (mistake,) = check_task_spawner(make.task_spawner(**spec))

    assert mistake.startswith(f"spec.{field}: {sentence}")


def test_a_spawner_has_one_source():
    """A manifest from before its admission rules may be in the cluster."""
    spec = source(githubIssues={}, cron={"schedule": "@daily"})
    (mistake,) = check_task_spawner(make.task_spawner(**spec))

    assert mistake.startswith("spec.when: exactly one source must be set: githubIssues, ")


def test_all_mistakes_are_told_at_once_and_no_secret_with_them():
    """One edit mends them all; the address that holds a password is not shown."""
    spawner = make.task_spawner(
        "x" * 64,
        when={"jira": {"baseUrl": "https://me:hunter2@j", "project": "A", "secretRef": {"name": "No"}}},
        taskTemplate={**TEMPLATE, "branch": "{{", "promptTemplate": "{{"},
    )
    found = check_task_spawner(spawner)

    assert 5 == len(found)
    assert "hunter2" not in json.dumps(found)


def test_a_zone_that_is_not_known_does_not_hide_a_wrong_schedule():
    """One edit mends both."""
    spec = {**template(promptTemplate="hi"), **source(cron={"schedule": "61 * * * *", "timeZone": "Mars"})}
    found = check_task_spawner(parse_task_spawner({"metadata": {"name": "x"}, "spec": spec}))

    assert ["spec.when.cron.timeZone", "spec.when.cron.schedule"] == [sentence.split(":")[0] for sentence in found]
