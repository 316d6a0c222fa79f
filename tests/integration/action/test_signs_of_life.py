"""What a person sees while the Task runs and after it: heartbeats, the log in the wished form, silence if wished."""

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.kubernetes import FakeKubernetes, Log
from fakes.runner import Job, Result
from kelos.action.api.client import Api
from kelos.action.api.credentials import Credentials
from kelos.action.api.kubeconfig import parse
from kelos.action.chain.followed import Surroundings
from kelos.action.chain.plan import Chain, links_of
from kelos.action.given.workflow import Workflow
from kelos.action.inputs import ActionInputs
from kelos.action.log.book import LogBook
from kelos.action.log.console import Console
from kelos.action.log.show import Show
from kelos.action.outputs import OUTPUTS
from kelos.action.step import Step

BASIC = {"prompt": "Fix the bug", "credentials-secret": "claude"}
SECRET_WORDS = "unlikely-words-of-the-agent"
USAGE = json.dumps(
    {"type": "step_finish", "part": {"reason": "tool-calls", "cost": 0.25, "tokens": {"input": 1200, "output": 40}}}
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def signals() -> Iterator[None]:
    """The step catches signals; pytest gets its own handlers back."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def test_a_silent_minute_brings_a_heartbeat_with_phase_time_and_cost(
    kubernetes: FakeKubernetes, tmp_path: Path, signals: None
):
    """One sees that it goes on, and what it costs."""
    clock, stream = Clock(), io.StringIO()
    kubernetes.add_pod("p")
    kubernetes.logs["p", "kelos-agent"] = Log([("2026-01-01T00:00:01Z", USAGE)])
    target = parse(kubernetes.kubeconfig, folder=None)  # type: ignore[arg-type]
    console = Console(is_actions=False, stream=stream)

    def run(task) -> None:
        name = task["metadata"]["name"]
        kubernetes.set_status(name, phase="Running", podName="p", message="Pod 'p' runs")
        kubernetes.wait_for(lambda: "[result]" in stream.getvalue(), "the log is shown")
        clock.now += 185
        kubernetes.set_status(name, jobName="j")
        kubernetes.wait_for(lambda: "after 3 min" in stream.getvalue(), "the heartbeat is shown")
        kubernetes.succeed(name)

    kubernetes.on_create = run
    chain = Chain(
        links=links_of(()),
        inputs=ActionInputs(prompt="x", credentials_secret="s", type="opencode"),
        workflow=Workflow(run_id="1"),
        prompt="x",
        namespace="ci",
    )
    around = Surroundings(
        api=Api(target, Credentials(target)),
        console=console,
        folder=tmp_path,
        started=lambda key, task, is_new: None,
        clock=clock,
    )
    Step(
        chain,
        around,
        lambda link, agent: LogBook(tmp_path / "log", show=Show(agent), console=console, is_live=True),
    ).run()

    (line,) = [line for line in stream.getvalue().splitlines() if "after 3 min" in line]
    assert line.endswith("after 3 min: Running: Pod 'p' runs ($0.2500, tokens 1.2k in 40 out so far)")


def talkative(kubernetes: FakeKubernetes) -> None:
    """A Task whose every text is the agent's."""
    lines = [
        json.dumps({"type": "assistant", "message": {"content": [{"type": "text", "text": SECRET_WORDS}]}}),
        SECRET_WORDS,
    ]
    kubernetes.add_pod("p")
    kubernetes.logs["p", "kelos-agent"] = Log([(f"2026-01-01T00:00:0{n}Z", line) for n, line in enumerate(lines)])


def everything_of(result: Result, job: Job) -> str:
    """Log, outputs, summary and every file that the step left."""
    files = [path.read_text() for path in (job.folder / "temp").rglob("*") if path.is_file()]
    return "\n".join([result.log, result.summary, json.dumps(result.outputs), *files])


@pytest.mark.parametrize("ends", ["Succeeded", "AgentError", "AgentIncomplete", "RateLimited", "CredentialsRejected"])
def test_logs_none_leaves_nothing_of_the_agents_words(job: Job, kubernetes: FakeKubernetes, ends: str):
    """Some repositories must not have them in a log that others can read; typed results are no words.

    Not even under the name of an output, which an agent may give to whatever it says.
    """
    talkative(kubernetes)
    named = dict.fromkeys((*OUTPUTS, "response", "note"), f"{SECRET_WORDS} x")
    results = {**named, "branch": "fix/1"}
    status = {"podName": "p", "results": results, "outputs": [SECRET_WORDS], "diagnosis": {"message": SECRET_WORDS}}

    def play(task) -> None:
        name = task["metadata"]["name"]
        kubernetes.set_status(name, phase="Running", message=SECRET_WORDS)
        if ends == "Succeeded":
            kubernetes.succeed(name, message=SECRET_WORDS, **status)
        else:
            kubernetes.fail(name, ends, SECRET_WORDS, **status)

    kubernetes.on_create = play

    result = job.use(with_={**BASIC, "logs": "none", "summary": "full"})

    assert SECRET_WORDS not in everything_of(result, job)
    assert ("fix/1", '{"branch": "fix/1"}') == (result.outputs["branch"], result.outputs["results"])
    if ends != "Succeeded":
        assert "`logs: none` keeps back what the agent said" in result.outputs["message"]


@pytest.mark.parametrize("reason", ["ImagePull", "Unschedulable", "OOMKilled", "DependencyFailed"])
def test_logs_none_keeps_what_the_cluster_says(job: Job, kubernetes: FakeKubernetes, reason: str):
    """Who shall mend it needs these words, and no agent wrote them."""
    kubernetes.on_create = lambda task: kubernetes.fail(task["metadata"]["name"], reason, "look at the node")

    result = job.use(with_={**BASIC, "logs": "none"})

    assert "look at the node" == result.outputs["message"]


def test_a_raw_log_is_shown_as_it_came(job: Job, kubernetes: FakeKubernetes):
    """Marked and cleaned all the same."""
    talkative(kubernetes)
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], podName="p")

    result = job.use(with_={**BASIC, "log-format": "raw"})

    assert '| {"type": "assistant", "message": {"content": [{"type": "text", "text": "' in result.log


def test_the_log_ends_where_it_was_told_to(job: Job, kubernetes: FakeKubernetes):
    """The file has the rest."""
    talkative(kubernetes)
    kubernetes.logs["p", "kelos-agent"] = Log([(f"2026-01-01T00:00:01.{n:09}Z", "x" * 100) for n in range(100)])
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], podName="p")

    result = job.use(with_={**BASIC, "log-max-bytes": "1KiB"})

    assert 10 == sum(line == f"| {'x' * 100}" for line in result.log.splitlines())
    assert "the output `log-file` names the file that has all of it" in result.log
    assert 100 == len(Path(result.outputs["log-file"]).read_text().splitlines())


def test_the_answer_is_in_the_summary_when_that_is_asked_for(job: Job, kubernetes: FakeKubernetes):
    """Fenced, as text."""
    kubernetes.on_create = lambda task: kubernetes.succeed(task["metadata"]["name"], results={"response": "I fixed it"})

    full, plain = (job.use(with_={**BASIC, "summary": said}).summary for said in ("full", "metadata"))

    assert "```text\nI fixed it\n```" in full
    assert "I fixed it" not in plain
