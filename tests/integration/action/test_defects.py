"""The ten defects of `cat <<EOF | kubectl apply -f -` plus `kubectl wait`, each shown to be gone."""

import os
import sys
import threading
from pathlib import Path

import pytest

from fakes.kubernetes import FakeKubernetes, Log
from fakes.runner import ROOT, Job

BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}


def succeeding(kubernetes: FakeKubernetes, **status: object) -> None:
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], **status)


def test_d1_a_failed_task_ends_the_step_at_once(job: Job, kubernetes: FakeKubernetes):
    """Waiting for one phase sits out the whole limit when the other one comes."""
    kubernetes.on_create = lambda task: kubernetes.fail(task["metadata"]["name"], "AgentError", "the model gave up")

    result = job.use(with_=BASIC)

    assert (1, "failure", "agent-error", "the model gave up") == (
        result.code,
        *(result.outputs[name] for name in ("conclusion", "failure-reason", "message")),
    )


@pytest.mark.parametrize("prompt", ["$(touch pwned)", "`touch pwned`", "${IFS}; touch pwned #", "'; touch pwned; '"])
def test_d2_nothing_in_a_prompt_is_run_by_a_shell(job: Job, kubernetes: FakeKubernetes, prompt):
    """The runner holds the kubeconfig."""
    succeeding(kubernetes)

    job.use(with_={**BASIC, "prompt": prompt})

    assert prompt == kubernetes.task()["spec"]["prompt"]
    assert [] == list(job.folder.rglob("pwned"))


def test_d3_a_delimiter_in_a_prompt_ends_nothing(job: Job, kubernetes: FakeKubernetes):
    """A line `EOF` used to end the document and begin a script."""
    succeeding(kubernetes)
    prompt = "one\nEOF\ntouch pwned\n"

    job.use(with_={**BASIC, "prompt": prompt})

    assert prompt == kubernetes.task()["spec"]["prompt"]
    assert [] == list(job.folder.rglob("pwned"))


def test_d4_a_prompt_cannot_add_fields_to_the_spec(job: Job, kubernetes: FakeKubernetes):
    """Whoever writes the prompt must not choose image, service account or model."""
    succeeding(kubernetes)
    prompt = 'x"\n  image: evil\n  podOverrides: {serviceAccountName: admin}\n  model: "big'

    job.use(with_={**BASIC, "prompt": prompt, "timeout": "0"})

    assert {
        "type": "claude-code",
        "prompt": prompt,
        "credentials": {"type": "api-key", "secretRef": {"name": "claude"}},
    } == kubernetes.task()["spec"]


@pytest.mark.parametrize(
    "prompt",
    [
        '"login" bug: x',
        "$HOME and $(SECRET)",
        "`code`",
        "- a\n\t- b",
        "\x1b[1mbold\x1b[0m",
        "ünï ☃ \u2028",
        "# not a comment",
        "%0A",
    ],
)
def test_d5_a_prompt_arrives_as_it_was_written(job: Job, kubernetes: FakeKubernetes, prompt):
    """Quotes, colons, dollars and escapes are part of people's language."""
    succeeding(kubernetes)

    result = job.use(with_={**BASIC, "prompt": prompt})

    assert (0, prompt) == (result.code, kubernetes.task()["spec"]["prompt"])


def test_d6_a_rerun_is_a_new_task(job: Job, kubernetes: FakeKubernetes):
    """The run's id does not change on a re-run; the old result must not be read as the new one."""
    succeeding(kubernetes, results={"branch": "old"})
    first = job.use(with_=BASIC)
    job.begin_again()
    succeeding(kubernetes, results={"branch": "new"})

    second = job.use(with_=BASIC)

    assert ("old", "new", "true") == (first.outputs["branch"], second.outputs["branch"], second.outputs["created"])


def test_d6_a_task_of_somebody_else_is_never_adopted(job: Job, kubernetes: FakeKubernetes):
    """A fixed name is taken only once; a finished Task of last week is not this run's result."""
    succeeding(kubernetes, results={"branch": "old"})
    job.use(with_={**BASIC, "name": "nightly"})
    job.env["GITHUB_RUN_ID"] = "17"

    second = job.use(with_={**BASIC, "name": "nightly"})

    assert (2, "invalid-input", "") == (second.code, second.outputs["failure-reason"], second.outputs["branch"])
    assert "Task 'nightly' in namespace 'ci' exists already" in second.outputs["message"]


def test_d7_the_prompt_is_in_the_spec_only(job: Job, kubernetes: FakeKubernetes):
    """`kubectl apply` copies it to an annotation, where it meets a size limit and other readers."""
    succeeding(kubernetes)

    job.use(with_={**BASIC, "prompt": "a secret plan"})

    assert "a secret plan" not in str(kubernetes.task()["metadata"])


def test_d8_a_task_deleted_right_after_its_end_still_counts(job: Job, kubernetes: FakeKubernetes):
    """A short time to live may win the race against the reader."""

    def run(task):
        kubernetes.succeed(task["metadata"]["name"], results={"branch": "b"})
        kubernetes.delete(task["metadata"]["name"])

    kubernetes.on_create = run

    result = job.use(with_={**BASIC, "ttl": "0"})

    assert (0, "success", "b") == (result.code, result.outputs["conclusion"], result.outputs["branch"])


def test_d9_the_step_has_a_log_and_outputs(job: Job, kubernetes: FakeKubernetes):
    """Silence for half an hour, and nothing to chain on, was the old way. Cancelling has a file of its own."""
    kubernetes.add_pod("p")
    kubernetes.logs["p", "kelos-agent"] = Log([("2026-01-01T00:00:00Z", "working")])
    succeeding(kubernetes, podName="p", results={"commit": "b" * 40})

    result = job.use(with_=BASIC)

    assert "| working" in result.log.splitlines()
    assert "b" * 40 == result.outputs["commit"]


def test_d9_a_cancelled_workflow_cancels_its_task(job: Job, kubernetes: FakeKubernetes):
    """The pod used to go on spending. What else may happen to a workflow has files of its own."""
    now = threading.Event()
    kubernetes.on_create = lambda task: (
        kubernetes.set_status(task["metadata"]["name"], phase="Running"),
        now.set(),
    )

    result = job.use(with_=BASIC, cancel_when=now)

    assert (130, "cancelled") == (result.code, result.outputs["conclusion"])
    assert "kelos.dev/cancel-requested" in kubernetes.task()["metadata"]["annotations"]


def test_d10_a_phase_alone_is_no_success(job: Job, kubernetes: FakeKubernetes):
    """An agent that was cut off may end with code 0; its reason outweighs the phase."""
    succeeding(kubernetes, reason="AgentIncomplete", message="The agent stopped in the middle of a tool call")

    result = job.use(with_=BASIC)

    assert (1, "failure", "agent-incomplete") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    )


def test_d10_an_agent_that_was_cut_off_has_not_succeeded(tmp_path: Path):
    """The same from end to end, with a recorded agent that came to its limit and ended with code 0."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/claude"
    program.write_text(f"#!/bin/sh\ncat {ROOT}/tests/data/agent-streams/claude-code-max-turns.jsonl\n")
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    job = Job(tmp_path, env={"KELOS_PYTHON": sys.executable, "PATH": path})

    result = job.use(with_={"mode": "local", "prompt": "Fix the bug", "credentials-type": "none"})

    assert (1, "failure", "agent-incomplete") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    ), result.log
