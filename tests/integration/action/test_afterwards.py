"""What a step leaves when its Task has ended: the transcript in the workspace, and no Task where none is wanted."""

import json
import threading

import pytest

from fakes.kubernetes import FakeKubernetes, Fault, Log
from fakes.runner import Job, commands

BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}
CHAIN = [
    {
        "apiVersion": "kelos.dev/v1alpha2",
        "kind": "Task",
        "metadata": {"name": name},
        "spec": {"type": "demo", "prompt": "say hi", "credentials": {"type": "none"}, **more},
    }
    for name, more in (("plan", {}), ("code", {"dependsOn": ["plan"]}))
]


@pytest.fixture
def logged(job: Job, kubernetes: FakeKubernetes) -> Job:
    """Every Task succeeds, and its agent has said two lines after the clone."""
    kubernetes.add_pod("p", containers=("git-clone", "kelos-agent"))
    kubernetes.logs["p", "git-clone"] = Log([("2026-01-01T00:00:00Z", "Cloning")])
    kubernetes.logs["p", "kelos-agent"] = Log(
        [("2026-01-01T00:00:01Z", '{"type":"x"}'), ("2026-01-01T00:00:02Z", "::error::é")]
    )
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], podName="p", attempts=[{}, {}])
    return job


def chain(job: Job) -> dict[str, str]:
    (job.folder / "workspace/chain.yaml").write_text("\n---\n".join(json.dumps(task, indent=1) for task in CHAIN))
    return {"task-file": "chain.yaml"}


def test_the_transcript_is_the_agents_own_output(logged: Job):
    """A program can read it: no line of the clone, and none of ours."""
    result = logged.use(with_={**BASIC, "transcript-path": "out/transcript.jsonl"})

    path = logged.folder / "workspace/out/transcript.jsonl"
    assert (0, str(path), "2") == (result.code, result.outputs["transcript-file"], result.outputs["attempt"]), (
        result.log
    )
    assert '{"type":"x"}\n::error::é\n' == path.read_text()


def test_every_task_of_a_chain_has_its_own_transcript(logged: Job):
    """Two agents in one file could not be told apart."""
    result = logged.use(with_={**chain(logged), "transcript-path": "t.jsonl"})

    told = json.loads(result.outputs["tasks"])
    files = [logged.folder / f"workspace/t-{key}.jsonl" for key in ("plan", "code")]
    assert [str(file) for file in files] == [told[key]["transcript-file"] for key in ("plan", "code")]
    assert all(file.read_text().startswith('{"type":"x"}\n') for file in files)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../out", "lies outside the workspace"),
        ("link", "lies outside the workspace"),
        (".git/x", "leads into git's own folder"),
        ("folder", "is a folder"),
    ],
)
def test_a_transcript_stays_in_the_workspace(logged: Job, kubernetes: FakeKubernetes, path, words):
    """A checkout may hold a link to anywhere; this is known before the agent costs anything."""
    workspace = logged.folder / "workspace"
    (workspace / "folder").mkdir()
    (workspace / "link").symlink_to("../kubeconfig.json")

    result = logged.use(with_={**BASIC, "transcript-path": path})

    assert (2, {}) == (result.code, kubernetes.tasks)
    assert words in result.outputs["message"]


def test_a_transcript_that_cannot_be_written_is_a_warning(logged: Job, kubernetes: FakeKubernetes):
    """The agent's work is done; what it said is in the log's file too."""
    (logged.folder / "workspace/file").write_text("")

    result = logged.use(with_={**BASIC, "transcript-path": "file/x"})

    assert (0, "") == (result.code, result.outputs["transcript-file"])
    assert "The transcript cannot be written to" in "\n".join(commands(result.log))


def test_a_log_that_cannot_be_kept_does_not_end_the_task(logged: Job, kubernetes: FakeKubernetes):
    """A runner's disk may be full; the agent has nothing to do with that."""
    play = kubernetes.on_create

    def fill_up(task: dict) -> None:
        (logged.folder / "temp/kelos-1/log.txt").mkdir()
        play(task)

    kubernetes.on_create = fill_up

    result = logged.use(with_=BASIC)

    assert (0, "success") == (result.code, result.outputs["conclusion"]), result.log
    assert {"| Cloning", "| ::error::é"} <= set(result.log.splitlines())
    assert 1 == result.log.count("From here on the log is shown only")


def test_a_fault_of_ours_leaves_the_tasks_name_and_no_task(job: Job, kubernetes: FakeKubernetes):
    """Whoever looks for it must know what it was called, and nobody follows the agent any more."""
    kubernetes.on_create = lambda task: kubernetes.set_status(
        task["metadata"]["name"], phase="Succeeded", results=["no mapping"]
    )

    result = job.use(with_={**BASIC, "require-results": "branch"})

    name = kubernetes.task()["metadata"]["name"]
    assert (3, "api-error", name) == (result.code, result.outputs["failure-reason"], result.outputs["task-name"])
    assert f"Task '{name}' was still running and is cancelled now" in result.log


@pytest.mark.parametrize(
    ("cleanup", "phase", "stays"),
    [
        ("none", "Succeeded", True),
        ("on-success", "Succeeded", False),
        ("on-success", "Failed", True),
        ("always", "Succeeded", False),
        ("always", "Failed", False),
    ],
)
def test_a_task_is_deleted_where_that_is_wanted(job: Job, kubernetes: FakeKubernetes, cleanup, phase, stays):
    """The outputs are those of the Task all the same."""
    results = {"branch": "b"}

    def end(task):
        name = task["metadata"]["name"]
        kubernetes.succeed(name, results=results) if phase == "Succeeded" else kubernetes.fail(name, "AgentError")

    kubernetes.on_create = end

    result = job.use(with_={**BASIC, "cleanup": cleanup})

    assert (stays, phase) == (bool(kubernetes.tasks), result.outputs["phase"]), result.log
    assert stays == (0 == kubernetes.count("^DELETE"))
    assert stays == (f"as `cleanup: {cleanup}` asks" not in result.log)


def test_a_success_that_lacks_a_result_is_none(job: Job, kubernetes: FakeKubernetes):
    """Its Task is what people look at to find out why."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])

    job.use(with_={**BASIC, "cleanup": "on-success", "require-results": "pr"})

    assert 1 == len(kubernetes.tasks)


def test_every_task_of_a_chain_is_deleted(logged: Job, kubernetes: FakeKubernetes):
    """Not before the last one is through: until then results are read."""
    result = logged.use(with_={**chain(logged), "cleanup": "on-success"})

    assert (0, {}, 2) == (result.code, kubernetes.tasks, kubernetes.count("^DELETE"))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("^DELETE", status=403, reason="Forbidden"), 'resources ["tasks"], verbs ["delete"]'),
        (Fault("^DELETE", drop=True), "stays, because deleting it failed"),
    ],
)
def test_a_task_that_cannot_be_deleted_is_a_warning(job: Job, kubernetes: FakeKubernetes, fault, sentence):
    """The run is over and its result stands."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"])
    kubernetes.faults.append(fault)

    result = job.use(with_={**BASIC, "cleanup": "always"})

    assert (0, "success") == (result.code, result.outputs["conclusion"])
    (warning,) = [line for line in commands(result.log) if line.startswith("::warning")]
    assert sentence in warning


def test_a_task_that_goes_on_is_not_deleted(job: Job, kubernetes: FakeKubernetes):
    """A cancelled workflow has it cancelled; it ends by itself then, with what it has cost."""
    now = threading.Event()

    def run(task):
        kubernetes.set_status(task["metadata"]["name"], phase="Running")
        now.set()

    kubernetes.on_create = run

    job.use(with_={**BASIC, "cleanup": "always"}, cancel_when=now)

    assert "kelos.dev/cancel-requested" in kubernetes.task()["metadata"]["annotations"]
