"""A spawned Task is the template with the item's words in it, and no word of the item is anything but a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import make
from kelos.api import names
from kelos.api.codec import parse_task, parse_task_spawner
from kelos.api.validate import check_task
from kelos.api.work_item import Origin, OriginKind, Trigger, WorkItem
from kelos.errors import UserError
from kelos.spawning.making.rendering import build_spawned_task
from kelos.spawning.making.texts import label_value
from kelos.templates import render

DATA = Path(__file__).parents[2] / "data" / "seeds"
FLAT = {"type": "claude-code", "credentials": {"type": "api-key", "secretRef": {"name": "key"}}}
PULL_REQUEST = Origin(
    kind=OriginKind.PULL_REQUEST,
    api_url="https://api.github.com",
    repository="acme/shop",
    number=7,
    sha="abc123",
    url="https://github.com/acme/shop/pull/7",
)


def item(*, key="7", trigger="", origin=None, **variables):
    known = {"ID": key, "Number": 7, "Title": "Fix it", "Body": "It is broken", "Branch": "", "Labels": "bug, p1"}
    return WorkItem(key=key, trigger=Trigger(key=trigger), origin=origin, variables={**known, **variables})


def build(template=None, found=None, *, spawner=None, workspace=None, context=None, chance=0.0, **spec):
    spawner = spawner or make.task_spawner(taskTemplate={**FLAT, **(template or {})}, **spec)
    return build_spawned_task(
        spawner, workspace or make.workspace(), found or item(), name="bugs-7", context=context or {}, chance=chance
    )


def annotations(task):
    return {key.removeprefix("kelos.dev/"): text for key, text in task["metadata"]["annotations"].items()}


def test_the_template_is_copied_and_its_texts_are_rendered():
    """Field by field, as a person would write the Task."""
    copied = {
        "worker": {
            "type": "codex",
            "credentials": {"type": "oauth", "secretRef": {"name": "key"}},
            "model": "gpt-5",
            "workspaceRef": {"name": "repo"},
            "podOverrides": {"env": [{"name": "A", "value": "{{.Title}}"}]},
        },
        "timeoutSeconds": 1800,
        "startTimeoutSeconds": 60,
        "retries": 2,
        "retryOn": ["RateLimited"],
        "strictTemplate": True,
        "ttlSecondsAfterFinished": 0,
        "podFailurePolicy": {"rules": [{"action": "Ignore"}]},
    }
    template = {
        **copied,
        "promptTemplate": "Do {{.Title}}: {{.Context.owner}}",
        "branch": " fix-{{.Number}} ",
        "baseRef": "refs/pull/{{.Number}}/head",
        "nameTemplate": "x",
        "upstreamRepo": "acme/up",
        "contextSources": [{"name": "owner", "http": {"url": "https://x"}}],
    }
    task = build(spawner=make.task_spawner(taskTemplate=template), context={"owner": "Ada"})

    expected = {**copied, "prompt": "Do Fix it: Ada", "branch": "fix-7", "upstreamRepo": "acme/up"}
    expected["baseRef"] = "refs/pull/7/head"
    assert expected == task["spec"]
    assert () == check_task(parse_task(task))


def test_without_texts_the_title_is_the_prompt_and_there_is_no_branch():
    """Those are the defaults of the reference; an empty branch is none."""
    assert {**FLAT, "prompt": "Fix it"} == build({"branch": "{{.Branch}}", "baseRef": "{{.Branch}}"})["spec"]


def test_a_task_belongs_to_its_spawner_and_waits_to_be_let_in():
    """Whoever looks at it sees where it is from; it starts when there is room, and stays until the ledger has it."""
    task = build({}, item(trigger="comment:5", URL="https://x/7"))
    meta = task["metadata"]

    assert ("bugs-7", "team", ["kelos.dev/spawned"]) == (meta["name"], meta["namespace"], meta["finalizers"])
    owner = {"apiVersion": "kelos.dev/v1alpha2", "kind": "TaskSpawner", "name": "bugs", "uid": "uid-bugs"}
    assert [{**owner, "controller": True}] == meta["ownerReferences"]
    assert {names.LABEL_SPAWNER: "bugs"} == meta["labels"]
    said = annotations(task)
    assert "required" == said["admission"]
    assert {"key": "7", "trigger": "comment:5"} == json.loads(said["item"])
    by = {"kind": "taskspawner", "spawner": "bugs", "item": "7", "trigger": "comment:5", "url": "https://x/7"}
    assert by == json.loads(said["triggered-by"])
    assert {"admission", "item", "triggered-by", "spec-hash"} == said.keys()


def test_labels_are_made_legal_and_ours_win():
    """A title is no label value; a spawner may not claim another one's Tasks."""
    labels = {"title": "{{.Title}}", "none": "{{.Branch}}", "kelos.dev/taskspawner": "other", "long": "{{.Body}}"}
    task = build({"metadata": {"labels": labels}}, item(Title="Fix: it, now!", Body="b" * 70))

    long = names.shorten("b" * 70)
    expected = {"title": "Fix--it--now", "none": "", "long": long, names.LABEL_SPAWNER: "bugs"}
    assert expected == task["metadata"]["labels"]


@given(st.text())
def test_any_text_becomes_a_legal_label_value(text):
    """Titles are strangers' text."""
    value = label_value(text)

    assert value == label_value(text)
    assert len(value) <= 63
    assert not value or (value.isascii() and value[0].isalnum() and value[-1].isalnum())
    assert set(value) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_annotations_keep_their_text_and_say_nothing_that_is_ours_to_say():
    """Without an origin of its own nothing is reported anywhere."""
    wanted = {"note": "{{.Title}}\nü", "kelos.dev/source-secret": "other", "kelos.dev/client-lease": "x"}
    said = annotations(build({"metadata": {"annotations": wanted}}))

    assert "Fix it\nü" == said["note"]
    assert not {"source-secret", "client-lease"} & said.keys()


@pytest.mark.parametrize(
    ("reporting", "said"),
    [
        (None, {}),
        ({"enabled": True}, {"github-reporting": "enabled", "github-comment-mode": "PerTask"}),
        ({"comments": {"mode": "Sticky"}}, {"github-reporting": "enabled", "github-comment-mode": "Sticky"}),
        ({"checks": {}}, {"github-checks": "enabled", "source-sha": "abc123"}),
        (
            {"checks": {"name": "Review"}},
            {"github-checks": "enabled", "source-sha": "abc123", "github-check-name": "Review"},
        ),
    ],
)
def test_where_reports_go_is_on_the_task(reporting, said):
    """The reporter works from the Task alone, and a report that is owed keeps it."""
    when = {"githubPullRequests": {"reporting": reporting} if reporting else {}}
    workspace = make.workspace(secretRef={"name": "github"})
    task = build({}, item(origin=PULL_REQUEST), when=when, workspace=workspace)

    where = {
        "source-kind": "pull-request",
        "source-number": "7",
        "source-repository": "acme/shop",
        "source-api-url": "https://api.github.com",
    }
    found = {key: text for key, text in annotations(task).items() if key.startswith(("source", "github"))}
    assert {**where, **said, **({"source-secret": "github"} if reporting else {})} == found
    owed = [names.FINALIZER_REPORT] if reporting else []
    assert [names.FINALIZER_SPAWNED, *owed] == task["metadata"]["finalizers"]


def test_an_item_without_a_commit_has_no_check():
    """An issue has nothing that a check could belong to, so no report of one is owed."""
    issue = Origin(kind=OriginKind.ISSUE, api_url="https://api.github.com", repository="acme/shop", number=7)
    task = build({}, item(origin=issue), when={"githubPullRequests": {"reporting": {"checks": {}}}})

    assert "github-checks" not in annotations(task)
    assert [names.FINALIZER_SPAWNED] == task["metadata"]["finalizers"]


@pytest.mark.parametrize(
    ("repo", "upstream"),
    [
        ("acme/up", "acme/up"),
        ("https://github.example.com:8443/acme/up.v2.git/", "acme/up.v2"),
        ("git@github.com:acme/up.git", "acme/up"),
        ("", None),
    ],
)
def test_pull_requests_go_to_the_repository_that_is_polled(repo, upstream):
    """Work on a fork ends upstream, where the issue is."""
    assert upstream == build({}, when={"githubIssues": {"repo": repo}})["spec"].get("upstreamRepo")


@pytest.mark.parametrize(("chance", "entry"), [(0.0, "a"), (0.49, "a"), (0.5, "b"), (0.999, "b"), (1.0, "b")])
@pytest.mark.parametrize("worker", [None, {"type": "codex"}])
def test_one_of_several_credentials_is_used(chance, entry, worker):
    """All are equally likely; people see which one it was."""
    pool = [{"name": name, "type": "oauth", "secretRef": {"name": f"key-{name}"}} for name in "ab"]
    template = {"worker": worker} if worker else {"type": "codex"}
    task = build(spawner=make.task_spawner(taskTemplate=template, credentials=pool), chance=chance)

    home = task["spec"]["worker"] if worker else task["spec"]
    assert {"type": "oauth", "secretRef": {"name": f"key-{entry}"}} == home["credentials"]
    assert entry == task["metadata"]["labels"][names.LABEL_CREDENTIAL]


def test_what_is_absent_is_empty_and_a_wrong_name_is_a_mistake():
    """`<no value>` in a branch would be pushed."""
    guarded = {"promptTemplate": 'x{{index . "Nope"}}{{.Payload.none}}', "branch": 'f{{print (index . "Nope")}}'}
    task = build(guarded, item(Payload={"none": None}))

    assert ("x", "f") == (task["spec"]["prompt"], task["spec"]["branch"])
    with pytest.raises(UserError, match=r"^taskTemplate\.promptTemplate: Template line 1, column 4: there is no entry"):
        build({"promptTemplate": "{{ .Titel}}"})


@pytest.mark.parametrize(
    ("template", "steps"),
    [({"promptTemplate": "{{range 100000}}{{end}}"}, 50_000), ({"branch": "{{range 100000}}{{end}}"}, 5_000)],
)
def test_no_template_keeps_the_process_from_others(template, steps):
    """One engine makes the Tasks of everybody."""
    with pytest.raises(UserError, match=f"takes more than {steps} steps; make it do less"):
        build(template)


@pytest.mark.parametrize(
    ("template", "words", "sentence"),
    [
        ({"branch": "fix-{{.Title}}"}, {"Title": "it now"}, "Branch 'fix-it now' is not a name git accepts"),
        ({"branch": "{{.Title}}"}, {"Title": "--upload-pack=x"}, "Branch '--upload-pack=x' is not a name git accepts"),
        ({"promptTemplate": "{{.Body}}"}, {"Body": " "}, "The prompt is empty"),
        ({"promptTemplate": "{{.Body}}"}, {"Body": "x" * (512 * 1024 + 1)}, "The prompt has 524289 bytes"),
        ({"promptTemplate": "{{.Body}}"}, {"Body": "a\0b"}, "The prompt has a NUL character at position 1"),
        (
            {"metadata": {"annotations": {"a": "{{.Body}}"}}},
            {"Body": "x" * 140_000},
            "taskTemplate.metadata.annotations have 140001 bytes, the limit is 131072",
        ),
        ({"promptTemplate": "{{.Context.a}}"}, {}, "taskTemplate.promptTemplate: Template line 1, column 3"),
    ],
)
def test_an_item_that_makes_no_task_is_told(template, words, sentence):
    """Refused here, once, and not by the API server in every pass."""
    with pytest.raises(UserError) as refused:
        build(template, item(**words))

    assert str(refused.value).startswith(sentence)


HOSTILE = st.lists(
    st.sampled_from(
        ["{", "{{", "}}", ".Deps", '{{index .Deps "a"}}', "{{/*", "*/}}", "{{- ", " -}}", '"', "`", "\n", "x", "\ufdd0"]
    )
).map("".join)


@given(
    HOSTILE,
    HOSTILE,
    st.sampled_from(
        [
            "{{.Title}}{{.Body}}",
            "{{slice .Title 0 1}}{{.Title}}",
            "{ {{.Title}}{{.All.b}}",
            '{{"{"}}{{.Body}}',
        ]
    ),
)
def test_an_item_is_no_template_when_the_prompt_is_rendered_again(title, body, template):
    """With dependsOn the prompt is a template over results of other Tasks: an issue must not read them."""
    title = f"t{title}"
    words = item(Title=title, Body=body, All={"b": [body]})
    task = build({"promptTemplate": template, "dependsOn": ["a"]}, words)

    shown = render(template, words.variables)
    secret = {"Deps": {"a": {"Results": {"token": "s3cret"}}}}
    assert shown.replace("\ufdd0", "\ufffd") == render(task["spec"]["prompt"], secret, strict=True).replace(
        "\ufdd0", "\ufffd"
    )


def test_a_template_may_still_name_the_results_of_other_tasks():
    """That is what dependsOn is for; braces of the template itself are kept."""
    template = '{{.Title}}: {{"{{"}}(index .Deps "a").Results.branch{{"}}"}} {code}'
    task = build({"promptTemplate": template, "dependsOn": ["a"]}, item(Title="{{x}} {y}"))

    assert "{{x}} {y}: main {code}" == render(task["spec"]["prompt"], {"Deps": {"a": {"Results": {"branch": "main"}}}})


def seeds():
    for name in ("readme.yaml", "integration-guide.yaml"):
        for manifest in yaml.safe_load_all((DATA / name).read_text()):
            # The README's trimmed example has no credentials, so no server admits it.
            if manifest and "credentials" in manifest["spec"].get("taskTemplate", {}):
                yield pytest.param(manifest, id=manifest["metadata"]["name"])


@pytest.mark.parametrize("manifest", list(seeds()))
def test_the_templates_that_users_have_give_a_good_task(manifest):
    """Manifests written for the reference are rendered with the variables that it documents."""
    spawner = parse_task_spawner({**manifest, "metadata": {**manifest["metadata"], "uid": "u", "namespace": "team"}})
    texts = ("Title", "Body", "URL", "Labels", "Comments", "Kind", "ReviewState", "ReviewComments", "Time", "Schedule")
    pushed = {"Event": "issues", "Action": "opened", "Sender": "ada", "Type": "Issue", "State": "Todo", "Payload": {}}
    words = {**{name: f"{name} of it" for name in texts}, **pushed, "Branch": "topic"}
    task = build(None, item(**words), spawner=spawner)

    assert () == check_task(parse_task(task))
    assert "<no value>" not in json.dumps(task)
