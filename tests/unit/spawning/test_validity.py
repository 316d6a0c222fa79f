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


def context_in(prompt):
    return template(promptTemplate=prompt, contextSources=[{"name": "a", "http": {"url": "https://x"}}])


def unknown(names):
    return f"names {names}, which no item of this source has; there are ID, Number, Title, Body, URL, Labels, "


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
        (template(promptTemplate="{{.Nmber}}"), "taskTemplate.promptTemplate", unknown("'Nmber'")),
        (template(branch="fix-{{.Nmber}}-{{$.Tile}}"), "taskTemplate.branch", unknown("'Nmber', 'Tile'")),
        (template(baseRef="{{.Base}}"), "taskTemplate.baseRef", unknown("'Base'")),
        (template(nameTemplate="x-{{.Id}}"), "taskTemplate.nameTemplate", unknown("'Id'")),
        (template(metadata={"labels": {"a": "{{.Lable}}"}}), "taskTemplate.metadata.labels['a']", unknown("'Lable'")),
        (
            template(metadata={"annotations": {"a": "{{.Url}}"}}),
            "taskTemplate.metadata.annotations['a']",
            unknown("'Url'"),
        ),
        (context(url="https://x/{{.Nmber}}"), "taskTemplate.contextSources[0].http.url", unknown("'Nmber'")),
        (context(body="{{.Context.a}}"), "taskTemplate.contextSources[0].http.body", unknown("'Context.a'")),
        (context(headers={"X-A": "{{.Id}}"}), "taskTemplate.contextSources[0].http.headers['X-A']", unknown("'Id'")),
        (template(promptTemplate="{{.Context.wiki}}"), "taskTemplate.promptTemplate", unknown("'Context.wiki'")),
        (context_in("{{.Context.b}}"), "taskTemplate.promptTemplate", unknown("'Context.b'")),
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


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ("{{.Title}} {{$.Body}} {{.Time}} {{.Schedule}}", True),
        ("{{.Context.a}} {{range $name, $text := .Context}}{{$text}}{{end}}", True),
        ("{{.Title.Short}}", False),
        ("{{(.Nmber)}}", False),
        ("{{printf `%v` .Nmber}}", False),
        ("{{if .Body}}{{.Bdoy}}{{end}}", False),
        ("{{with .Body}}{{.}}{{else}}{{.Bdoy}}{{end}}", False),
        ("{{with .Context}}{{.wiki}}{{end}}", True),
        ("{{with .Context}}{{$.Nmber}}{{end}}", False),
        ("{{range .Context}}{{.}}{{end}}{{.Nmber}}", False),
        ("{{define `x`}}{{.Nmber}}{{end}}{{template `x` .}}", False),
        ("{{define `x`}}{{.Nmber}}{{end}}{{template `x` $}}", False),
        ("{{define `x`}}{{.a}}{{end}}{{template `x` .Context}}", True),
        ("{{define `x`}}{{.Nmber}}{{end}}never called", True),
        ("{{block `x` .}}{{.Nmber}}{{end}}", False),
        ("{{define `x`}}{{template `x` .}}{{end}}{{template `x` .}}", True),
        ('{{index . "Payload"}}', True),
        ('{{with index . "Branch"}}{{.}}{{else}}main{{end}}', True),
        ('{{if index . "Payload"}}{{.Payload.ref}}{{end}}', True),
        ('{{"{{"}}.Deps{{"}}"}}', True),
    ],
)
def test_a_template_may_name_what_items_have_and_look_up_what_they_may_not_have(text, is_known):
    """`index` finds nothing under a name that is not there, and so do people who share a template between sources."""
    found = check_task_spawner(make.task_spawner(**context_in(text)))

    assert is_known == (() == found)


@pytest.mark.parametrize("when", [{"webhook": {"source": "ci", "fieldMapping": {"id": "$.id"}}}, {}])
def test_what_somebody_sends_may_have_any_name(when):
    """Nor is anything said of templates while nobody knows what the items are."""
    spec = {"when": when, **template(promptTemplate="{{.Payload.ref}}")}
    found = check_task_spawner(parse_task_spawner({"metadata": {"name": "x"}, "spec": spec}))

    assert not [mistake for mistake in found if "promptTemplate" in mistake]


def test_templates_that_call_each_other_without_end_are_looked_through():
    """As deep as people may write them; a check that breaks would be a pass that breaks."""
    chain = "".join(f"{{{{define `t{n}`}}}}{{{{template `t{n + 1}` .}}}}{{{{end}}}}" for n in range(600))
    (mistake,) = check_task_spawner(
        make.task_spawner(**template(promptTemplate=chain + "{{define `t600`}}{{.Nmber}}{{end}}{{template `t0` .}}"))
    )

    assert "names 'Nmber'" in mistake
