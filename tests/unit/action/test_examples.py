"""The workflows that people copy: each calls the Action as it is, and asks for no more than it needs."""

import re

import pytest
import yaml

from kelos.action.chain.plan import Chain, links_of
from kelos.action.documents import read_documents
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs, env_name, read_inputs
from kelos.action.local import split_documents
from kelos.api.task import Task
from workflows import EXAMPLES, ROOT, evaluate, expressions, is_ours, load, look_up, triggers

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
FILES = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
EVENTS = {
    "workflow_dispatch": "a prompt by hand",
    "push": "a push or tag",
    "release": "notes for a release",
    "pull_request_review_comment": "a reviewer's wish",
    "schedule": "every night",
    "workflow_call": "other workflows",
}
# Everything that an example's jobs may do, and why.
PERMISSIONS = {
    "chain.yaml": {"contents": "read"},  # to check out the task-file
    "local.yaml": {"contents": "read"},  # to check out the task-file
    "oidc.yaml": {"id-token": "write"},  # to sign in
    "release-notes.yaml": {"contents": "write"},  # to edit the release
    "review-comment.yaml": {"contents": "read", "pull-requests": "write"},  # to ask for the permission, to answer
}


def jobs(path) -> dict[str, dict]:
    return load(path)["jobs"]


def uses(path) -> list[dict]:
    return [step for job in jobs(path).values() for step in job["steps"] if is_ours(step)]


def defaults(path) -> dict:
    """A context where what a caller may leave out has its default, and all else is a word."""
    called = triggers(load(path)).get("workflow_call", {}).get("inputs", {})
    return {"inputs": {name: one.get("default", "word") for name, one in called.items()}}


@FILES
def test_an_example_calls_the_action_with_inputs_it_has(path):
    """A misspelt input is a warning of the runner that nobody reads."""
    assert uses(path)
    for step in uses(path):
        assert set(step["with"]) <= set(ACTION["inputs"])
        said = {name: evaluate(value, defaults(path)) or "word" for name, value in step["with"].items()}
        read_inputs({env_name(name): value for name, value in said.items()})


@FILES
def test_the_outputs_that_an_example_reads_exist(path):
    """A misspelt output is an empty string, and nobody notices."""
    document = load(path)
    steps = {step["id"] for step in uses(path)}
    read = {
        tuple(found)
        for text in expressions(document)
        for found in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", text)
    }

    assert read
    assert {step for step, _ in read} <= steps
    assert {output for _, output in read} <= set(ACTION["outputs"])


@FILES
def test_what_one_job_reads_of_another_is_handed_out_by_it(path):
    """Outputs of steps end with their job."""
    document = load(path)
    handed = {f"needs.{name}.outputs.{one}" for name, job in document["jobs"].items() for one in job.get("outputs", {})}
    handed |= {one.replace("needs.", "jobs.", 1) for one in handed}

    for text in expressions(document):
        for path_of_output in re.findall(r"(?:needs|jobs)\.[\w-]+\.outputs\.[\w-]+", text):
            assert path_of_output in handed


@FILES
def test_an_example_asks_for_no_more_than_it_needs(path):
    """A token that may do nothing is worth nothing to an attacker."""
    document = load(path)

    assert {} == document["permissions"]
    given = {name: right for job in document["jobs"].values() for name, right in job.get("permissions", {}).items()}
    assert PERMISSIONS.get(path.name, {}) == given


@FILES
def test_an_identity_token_is_asked_for_exactly_where_it_is_used(path):
    """`server` without it cannot sign in."""
    for job in jobs(path).values():
        signs_in = any("server" in step["with"] for step in job["steps"] if is_ours(step))
        assert signs_in == ("id-token" in job.get("permissions", {}))


@FILES
def test_a_job_with_an_agent_has_a_limit_of_its_own(path):
    """The runner's default is six hours."""
    for job in jobs(path).values():
        assert "timeout-minutes" in job or not any(is_ours(step) for step in job["steps"])


@FILES
def test_an_example_pins_the_actions_of_others(path):
    """A tag can be moved; a commit cannot."""
    others = [
        step["uses"] for job in jobs(path).values() for step in job["steps"] if "uses" in step and not is_ours(step)
    ]

    assert all(re.search(r"@[0-9a-f]{40}$", one) for one in others)


@FILES
def test_words_of_others_are_context_and_never_prompt(path):
    """Whoever can write a comment must not be able to tell the agent what to do."""
    foreign = re.compile(r"github\.event\.[\w.]*(body|title|message|path|label|name\b(?<!tag_name))|head_ref")

    for step in uses(path):
        assert not foreign.search(step["with"].get("prompt", ""))


def test_every_way_to_start_a_workflow_has_an_example():
    """Nobody should have to invent one."""
    shown = {event for path in EXAMPLES for event in triggers(load(path))}

    assert set(EVENTS) == shown


def test_the_list_of_examples_is_whole():
    """What is not listed is not found."""
    text = (ROOT / "workflows-examples/README.md").read_text()

    assert [path.name for path in EXAMPLES] == sorted(re.findall(r"^\| \[([\w.-]+)\]", text, re.MULTILINE))


def test_the_task_files_of_examples_are_whole_manifests():
    """Every Task passes the model of the API."""
    files = sorted((ROOT / "workflows-examples/tasks").glob("*.yaml"))
    assert {"feature.yaml", "local.yaml"} == {path.name for path in files}
    for path in files:
        tasks, _ = split_documents(read_documents(path.read_text(), path.name), is_local=True)
        inputs = ActionInputs(prompt="" if len(tasks) > 1 else "x", credentials_secret="key")
        chain = Chain(
            links=links_of(tasks), inputs=inputs, workflow=Workflow(run_id="1"), prompt=inputs.prompt, namespace="ci"
        )
        for link in chain.links:
            Task.model_validate(chain.build(link, chain.names()))


def test_a_file_that_an_example_needs_is_one_that_is_here():
    """`.kelos/x.yaml` in the user's repository is `tasks/x.yaml` here."""
    named = [step["with"]["task-file"] for path in EXAMPLES for step in uses(path) if "task-file" in step["with"]]

    assert named
    assert all((ROOT / "workflows-examples/tasks" / name.removeprefix(".kelos/")).is_file() for name in named)


def test_the_context_of_these_tests_reads_like_the_runners():
    """Expressions that are not known are refused, missing values are empty."""
    assert ("b", "") == (look_up("a.x", {"a": {"x": "b"}}), look_up("a.y.z", {"a": {"x": "b"}}))
    with pytest.raises(AssertionError, match="do not know the expression"):
        evaluate("${{ format('x') }}", {})
