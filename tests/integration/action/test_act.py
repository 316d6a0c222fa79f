"""The workflows that people copy, run whole by act, another implementation of the runner, on a local cluster.

The agent is a stand-in for the `claude` program: it keeps the prompt that it is given and plays a recorded stream.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.git_server import GitServer
from kelos.api.kinds import SECRET, TASK, WORKSPACE
from realcluster.binaries import AssetsUnavailableError
from realcluster.waiting import wait_for
from small_cluster import SmallCluster, small_cluster
from workflowtools.act import CHECKOUT, Act
from workflowtools.tools import require_tool

STREAMS = CHECKOUT / "tests/data/agent-streams"
WORKFLOW = (CHECKOUT / "workflows-examples/run-task.yaml").read_text()
LEASE_SECONDS = 30
AGENT = f"""\
#!/bin/sh
cat > "$0.prompt.new"
mv "$0.prompt.new" "$0.prompt"
case $(cat "$0.prompt") in
  sleep*) exec sleep 600 ;;
  fail*) cat {STREAMS}/claude-code-error.jsonl; exit 1 ;;
  *) cat {STREAMS}/claude-code.jsonl ;;
esac
"""


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that is found instead of `claude`."""
    path = tmp_path_factory.mktemp("agent") / "claude"
    path.write_text(AGENT)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, agent: Path) -> Iterator[SmallCluster]:
    """What the comment at the workflow's head asks for."""
    folder = tmp_path_factory.mktemp("cluster")
    with GitServer(folder / "git") as repositories, small_cluster(folder, programs=agent.parent) as made:
        repositories.create("shop")
        made.make(WORKSPACE, "my-workspace", spec={"repo": repositories.url("shop")})
        made.make(SECRET, "claude-oauth-token", stringData={"CLAUDE_CODE_OAUTH_TOKEN": "a-token"})
        yield made


@pytest.fixture
def act(tmp_path: Path) -> Act:
    try:
        return Act(require_tool("act", print), tmp_path)
    except AssetsUnavailableError as error:
        problem = str(error)
    pytest.fail(f"Workflows cannot be run with act: {problem}", pytrace=False)


def test_a_workflow_runs_to_its_good_end(act: Act, cluster: SmallCluster, agent: Path):
    """A prompt of the form arrives as it was typed, and the last step reads what came of it."""
    prompt = "Fix $(id) `id` ${HOME} \"double\" 'single' ::error::x ##[error]y\nEOF\nünï"

    run = act.run(
        WORKFLOW,
        "workflow_dispatch",
        inputs={"prompt": prompt},
        secrets={"KELOS_KUBECONFIG": json.dumps(cluster.document)},
    )

    assert 0 == run.code, run.log
    assert ["Conclusion: success ", "Pull request: none", "Cost: 0.02154 USD"] == run.said()[-3:]
    assert prompt == agent.with_suffix(".prompt").read_text()
    assert "🏁  Job succeeded" in run.log


def test_our_own_workflow_uses_the_action_beside_it(act: Act):
    """`uses: ./` in mode local: what our CI promises about the Action, with no cluster at all."""
    workflow = (CHECKOUT / ".github/workflows/ci.yml").read_text()

    run = act.run(workflow, "push", job="action", env={"KELOS_PYTHON": sys.executable})

    assert 0 == run.code, run.log
    assert "Conclusion: success" in run.said()
    assert "Success - Main What it promises" in run.log


def test_a_workflow_fails_when_its_agent_does(act: Act, cluster: SmallCluster):
    """The job is red, and the step after it still learns why."""
    run = act.run(
        WORKFLOW,
        "workflow_dispatch",
        inputs={"prompt": "fail"},
        secrets={"KELOS_KUBECONFIG": json.dumps(cluster.document)},
    )

    assert 1 == run.code, run.log
    assert "Conclusion: failure credentials-rejected" in run.said(), run.log
    assert 1 == run.log.count("::error title=Kelos::"), run.log


def test_a_cancelled_workflow_leaves_no_agent(act: Act, cluster: SmallCluster, agent: Path):
    """act kills at once and runs none of the composite's later steps: only the lease is left, and it is enough."""
    workflow = WORKFLOW.replace(
        "          timeout: 30m\n", f"          timeout: 30m\n          lease: {LEASE_SECONDS}s\n"
    )
    assert workflow != WORKFLOW
    known = {task["metadata"]["uid"] for task in cluster.all(TASK)}
    agent.with_suffix(".prompt").unlink(missing_ok=True)
    runs = threading.Event()

    def wait() -> None:
        wait_for("the agent to run", agent.with_suffix(".prompt").exists, seconds=180)
        runs.set()

    threading.Thread(target=wait).start()
    run = act.run(
        workflow,
        "workflow_dispatch",
        inputs={"prompt": "sleep"},
        secrets={"KELOS_KUBECONFIG": json.dumps(cluster.document)},
        cancel_when=runs,
    )
    ended = time.monotonic()

    def failed() -> str | None:
        (task,) = (task for task in cluster.all(TASK) if task["metadata"]["uid"] not in known)
        status = task.get("status") or {}
        return str(status.get("reason")) if status.get("phase") == "Failed" else None

    assert 1 == run.code, run.log
    assert "LeaseExpired" == wait_for("the Task to end", failed, seconds=LEASE_SECONDS + 30)
    assert LEASE_SECONDS + 15 > time.monotonic() - ended
