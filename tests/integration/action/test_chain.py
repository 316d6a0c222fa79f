"""Several Tasks in one task-file are one step: a pipeline that is followed, ended and reported as a whole."""

import json
import threading
from pathlib import Path

import pytest

from fakes.kubernetes import FakeKubernetes, Fault, Log
from fakes.runner import Job, Result, commands

CANCEL, LEASE = "kelos.dev/cancel-requested", "kelos.dev/client-lease"
FILE = """\
apiVersion: kelos.dev/v1alpha2
kind: Task
metadata: {name: pr}
spec: {type: demo, prompt: '{{.Deps.tests.Results.branch}}', dependsOn: [tests]}
---
apiVersion: kelos.dev/v1alpha2
kind: Task
metadata: {name: scaffold}
spec: {type: demo, prompt: begin}
---
apiVersion: kelos.dev/v1alpha2
kind: Task
metadata: {name: tests}
spec: {type: demo, prompt: test, dependsOn: [scaffold]}
"""
CREATE = "^POST (?!.*dryRun)"
USE = {"task-file": "pipeline.yaml"}


@pytest.fixture
def chained(job: Job) -> Job:
    (job.folder / "workspace/pipeline.yaml").write_text(FILE)
    return job


def key_of(task: dict) -> str:
    return str(task["metadata"]["name"]).rpartition("-")[2]


def by_key(kubernetes: FakeKubernetes) -> dict[str, dict]:
    return {key_of(task): task for task in kubernetes.tasks.values()}


def tasks_of(result: Result) -> dict[str, dict]:
    return json.loads(result.outputs["tasks"])


def ending_each(kubernetes: FakeKubernetes, **failing: str) -> None:
    """A controller that ends every Task in turn, once all are there; `failing` gives reasons by key."""
    lock = threading.Lock()

    def play(task: dict) -> None:
        with lock:
            if len(kubernetes.tasks) < 3:
                return
        for key in ("scaffold", "tests", "pr"):
            name = by_key(kubernetes)[key]["metadata"]["name"]
            if reason := failing.get(key):
                kubernetes.fail(name, reason, f"{key} went wrong")
            else:
                kubernetes.succeed(name, results={"branch": f"b-{key}"}, usage={"cost": "0.25", "inputTokens": 10})

    kubernetes.on_create = play


def test_a_pipeline_succeeds_when_all_of_it_does(chained: Job, kubernetes: FakeKubernetes):
    """One object has every Task's outputs, typed; the plain outputs are the last Task's, the cost is everybody's."""
    ending_each(kubernetes)

    result = chained.use(with_=USE)

    assert (0, "success", "All 3 Tasks succeeded", "b-pr", "0.75", "30") == (
        result.code,
        *(result.outputs[name] for name in ("conclusion", "message", "branch", "cost-usd", "input-tokens")),
    ), result.log
    told = tasks_of(result)
    assert ["scaffold", "tests", "pr"] == list(told)
    assert ("success", "b-tests", 0.25, 10, True, None, {"branch": "b-tests"}) == tuple(
        told["tests"][name]
        for name in ("conclusion", "branch", "cost-usd", "input-tokens", "created", "pr-number", "results")
    )
    assert "flowchart LR" in result.summary
    assert "| `tests` | `success` | `b-tests` | `0.25` | `60` |" in result.summary


def test_each_task_is_created_after_its_dependencies_under_names_of_the_run(chained: Job, kubernetes: FakeKubernetes):
    """The names in `dependsOn` and in the template are those the cluster knows."""
    ending_each(kubernetes)

    chained.use(with_=USE)

    assert ["scaffold", "tests", "pr"] == [key_of(task) for task in kubernetes.tasks.values()]
    built = by_key(kubernetes)
    tests = built["tests"]["metadata"]["name"]
    assert [tests] == built["pr"]["spec"]["dependsOn"]
    assert f'{{{{(index .Deps "{tests}").Results.branch}}}}' == built["pr"]["spec"]["prompt"]
    assert all(LEASE in task["metadata"]["annotations"] for task in built.values())


def test_the_first_failure_decides_and_all_are_waited_for(chained: Job, kubernetes: FakeKubernetes):
    """What failed because of it is not the news."""
    ending_each(kubernetes, tests="AgentError", pr="DependencyFailed")

    result = chained.use(with_=USE)

    assert (1, "failure", "agent-error", "tests went wrong") == (
        result.code,
        *(result.outputs[name] for name in ("conclusion", "failure-reason", "message")),
    ), result.log
    assert ["success", "failure", "failure"] == [one["conclusion"] for one in tasks_of(result).values()]
    assert ["::error title=Kelos::tests went wrong (agent-error)"] == [
        command for command in commands(result.log) if command.startswith("::error")
    ]


def test_what_failed_because_of_another_never_decides(chained: Job, kubernetes: FakeKubernetes):
    """The end of the dependent may be seen first."""

    def play(task: dict) -> None:
        if key_of(task) == "pr":
            for key, reason in (("pr", "DependencyFailed"), ("tests", "AgentError"), ("scaffold", "")):
                name = by_key(kubernetes)[key]["metadata"]["name"]
                if reason:
                    kubernetes.fail(name, reason, f"{key} went wrong")
                else:
                    kubernetes.succeed(name)

    kubernetes.on_create = play

    result = chained.use(with_=USE)

    assert ("agent-error", "tests") == (result.outputs["failure-reason"], result.outputs["message"].split()[0])


def test_a_failure_does_not_stop_what_does_not_depend_on_it(chained: Job, kubernetes: FakeKubernetes):
    """Independent work that was paid for is not thrown away."""
    path = chained.folder / "workspace/pipeline.yaml"
    path.write_text(FILE.replace(", dependsOn: [tests]", "").replace("{{.Deps.tests.Results.branch}}", "alone"))
    ending_each(kubernetes, scaffold="AgentError")

    result = chained.use(with_=USE)

    assert ["failure", "success", "success"] == [
        tasks_of(result)[key]["conclusion"] for key in ("scaffold", "tests", "pr")
    ]
    assert all(CANCEL not in task["metadata"]["annotations"] for task in kubernetes.tasks.values())


@pytest.mark.parametrize("failures", [0, 5])
def test_a_cancelled_workflow_ends_every_task(chained: Job, kubernetes: FakeKubernetes, failures: int):
    """By the handler in its few seconds, and by the reaper where that was not heard."""
    now = threading.Event()
    kubernetes.faults.append(Fault("^PATCH", status=503, times=failures))

    def play(task: dict) -> None:
        kubernetes.set_status(task["metadata"]["name"], phase="Running")
        if len(kubernetes.tasks) == 3:
            now.set()

    kubernetes.on_create = play

    result = chained.use(with_=USE, cancel_when=now)

    assert 130 == result.codes["Run the Task"], result.log
    assert 3 == sum(CANCEL in task["metadata"]["annotations"] for task in kubernetes.tasks.values())
    assert ["cancelled"] * 3 == [one["conclusion"] for one in tasks_of(result).values()]


def test_a_signal_between_two_creates_leaves_nothing_running(chained: Job, kubernetes: FakeKubernetes):
    """The second POST is on its way, and answered when the handler is at work; the third is never sent."""
    now, answer = threading.Event(), threading.Event()

    def play(task: dict) -> None:
        if key_of(task) == "scaffold":
            kubernetes.faults.append(Fault("^POST", hold=answer))

    def pull() -> None:
        kubernetes.wait_for(lambda: kubernetes.count(CREATE) == 2, "the second create is sent")
        now.set()
        kubernetes.wait_for(lambda: kubernetes.count("^PATCH"), "the first Task is cancelled")
        answer.set()

    kubernetes.on_create = play
    threading.Thread(target=pull, daemon=True).start()

    result = chained.use(with_=USE, cancel_when=now)

    assert 130 == result.codes["Run the Task"], result.log
    assert {"scaffold": True, "tests": True} == {
        key: CANCEL in task["metadata"]["annotations"] for key, task in by_key(kubernetes).items()
    }


def test_nothing_is_created_when_one_task_would_be_refused(chained: Job, kubernetes: FakeKubernetes):
    """The cluster is asked about all of them before the first one spends anything."""
    kubernetes.faults.append(Fault("dryRun", status=422, reason="Invalid", message="spec.model: Invalid"))

    result = chained.use(with_=USE)

    assert (2, "invalid-input", {}) == (result.code, result.outputs["failure-reason"], kubernetes.tasks), result.log


def test_a_create_that_is_refused_takes_the_others_along(chained: Job, kubernetes: FakeKubernetes):
    """A pipeline that cannot be completed must not go on spending."""

    def play(task: dict) -> None:
        kubernetes.set_status(task["metadata"]["name"], phase="Running")
        kubernetes.faults.append(Fault(CREATE, status=403, reason="Forbidden", message="exceeded quota"))

    kubernetes.on_create = play

    result = chained.use(with_=USE)

    assert (3, "policy-denied") == (result.code, result.outputs["failure-reason"]), result.log
    assert [True] == [CANCEL in task["metadata"]["annotations"] for task in kubernetes.tasks.values()]
    told = tasks_of(result)
    assert "so Task" in told["scaffold"]["message"]
    assert told["pr"]["message"].endswith("was not created")


def test_logs_stand_side_by_side(chained: Job, kubernetes: FakeKubernetes):
    """Every line says whose it is, and each Task has a file of its own."""
    for key in ("scaffold", "tests", "pr"):
        kubernetes.add_pod(f"p-{key}")
        kubernetes.logs[f"p-{key}", "kelos-agent"] = Log([("2026-01-01T00:00:01Z", f"::error::words of {key}")])

    def play(task: dict) -> None:
        kubernetes.succeed(task["metadata"]["name"], podName=f"p-{key_of(task)}")

    kubernetes.on_create = play

    result = chained.use(with_=USE)

    assert {"scaffold | ::error::words of scaffold", "tests    | ::error::words of tests"} <= set(
        result.log.splitlines()
    )
    assert [] == [command for command in commands(result.log) if command.startswith("::error")]
    assert "::error::words of pr\n" == Path(tasks_of(result)["pr"]["log-file"]).read_text()
    assert result.outputs["log-file"] == tasks_of(result)["pr"]["log-file"]


def test_a_rerun_adopts_what_had_succeeded_and_runs_the_rest(chained: Job, kubernetes: FakeKubernetes):
    """The dependent of an adopted Task waits for that one, under its name."""
    ending_each(kubernetes, pr="AgentError")
    first = chained.use(with_=USE)
    chained.begin_again()
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    second = chained.use(with_={**USE, "on-rerun": "adopt"})

    before, after = tasks_of(first), tasks_of(second)
    assert [True, True, False] == [before[key]["task-name"] == after[key]["task-name"] for key in after]
    assert [False, False, True] == [one["created"] for one in after.values()]
    new = kubernetes.tasks[after["pr"]["task-name"]]
    assert [before["tests"]["task-name"]] == new["spec"]["dependsOn"]
    assert 0 == second.code, second.log


def test_a_dry_run_shows_every_task_and_creates_none(chained: Job, kubernetes: FakeKubernetes):
    """A pull request can test its own pipeline."""
    result = chained.use(with_={**USE, "dry-run": "true"})

    assert (0, "skipped", {}) == (result.code, result.outputs["conclusion"], kubernetes.tasks), result.log
    assert 3 == result.log.count("::group::The Task, as the cluster would take it")


def test_a_required_result_is_owed_by_the_last_task(chained: Job, kubernetes: FakeKubernetes):
    """The pull request is made by the Task at the end."""
    ending_each(kubernetes)

    result = chained.use(with_={**USE, "require-results": "pr"})

    assert (1, "result-missing") == (result.code, result.outputs["failure-reason"]), result.log
    assert [None, None, "result-missing"] == [one["failure-reason"] for one in tasks_of(result).values()]
