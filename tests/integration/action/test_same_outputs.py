"""Mode local and mode cluster tell the same about the same Task: a workflow can change from one to the other."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.git_server import GitServer
from fakes.runner import Job, Result
from kelos.api.kinds import WORKSPACE
from small_cluster import small_cluster

# Each server gives these afresh; that they are known, and for whom, must be the same.
OWN = (
    *("task-uid", "pod-name", "commit", "base-commit", "session-id"),
    *("duration-seconds", "queue-seconds", "results-file", "log-file"),
)
ONE = "apiVersion: kelos.dev/v1alpha2\nkind: Task\nmetadata: {{name: {name}}}\nspec: {{type: demo, {spec}}}\n"
PIPELINE = "---\n".join(
    [
        ONE.format(name="write", spec=r'branch: b, prompt: "write A: x\ncommit A\npush\nusage input=7 cost=0.25"'),
        ONE.format(
            name="check",
            spec=r'dependsOn: [write], prompt: "say {{.Deps.write.Results.branch}}\nusage input=5 cost=0.5"',
        ),
        ONE.format(name="complain", spec=r'dependsOn: [check], prompt: "fail the tests are red"'),
        ONE.format(name="publish", spec=r'dependsOn: [complain], prompt: "say never"'),
    ]
)
CASES = {
    "success": {"prompt": "write A: b\ncommit Add A\npush\nsay done\nusage input=10 output=5 cost=0.25", "branch": "b"},
    "a sentence": {"prompt": "Please do something"},
    "agent error": {"prompt": "say trying\nfail the tests are red"},
    "cut off": {"prompt": "exit 3"},
    "result missing": {"prompt": "say done", "require-results": "pr"},
    "deadline": {"prompt": "sleep 30", "timeout": "2s"},
    "no such workspace": {"prompt": "say hello", "workspace": "nothing", "start-timeout": "2s"},
    "passes all the same": {"prompt": "fail it", "on-failure": "warn"},
    "quiet": {"prompt": "say words\nfail words", "logs": "none"},
    "submitted by its own file": {"task-file": "one.yaml", "prompt": ""},
    "pipeline": {"task-file": "pipeline.yaml", "workspace": "shop"},
}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git") as server:
        server.create("shop")
        server.create("shop-in-cluster")
        yield server


def workspace(repository: GitServer, name: str) -> dict:
    metadata = {"name": "shop"}
    spec = {"repo": repository.url(name)}
    return {"apiVersion": "kelos.dev/v1alpha2", "kind": "Workspace", "metadata": metadata, "spec": spec}


@pytest.fixture
def cluster(tmp_path: Path, repository: GitServer) -> Iterator[str]:
    """The kubeconfig of a cluster that runs already and has the Workspace."""
    with small_cluster(tmp_path) as place:
        place.make(WORKSPACE, "shop", spec=workspace(repository, "shop-in-cluster")["spec"])
        yield place.kubeconfig.read_text()


def job_in(folder: Path, *before: str) -> Job:
    folder.mkdir()
    job = Job(folder, env={"KELOS_PYTHON": sys.executable})
    for name, tasks in (("one.yaml", ONE.format(name="mine", spec="prompt: say hello")), ("pipeline.yaml", PIPELINE)):
        (folder / "workspace" / name).write_text("\n---\n".join([*before, tasks]))
    (folder / "workspace/plane.yaml").write_text("\n---\n".join(before))
    return job


def comparable(result: Result) -> dict[str, object]:
    """The outputs, with what is each server's own replaced by whether it is there."""
    tasks = json.loads(result.outputs.pop("tasks"))

    def plain(values: dict) -> dict:
        return {name: value not in (None, "") if name in OWN else value for name, value in values.items()}

    results = json.loads(result.outputs.pop("results") or "{}")
    told = {key: plain({**values, "results": plain(values["results"])}) for key, values in tasks.items()}
    return {"code": result.code, **plain(result.outputs), "results": plain(results), "tasks": told}


@pytest.mark.parametrize("case", CASES)
def test_both_modes_tell_the_same(case: str, tmp_path: Path, repository: GitServer, cluster: str):
    """Exit code, every output, and every Task's own."""
    said = {"type": "demo", "workspace": "shop", "timeout": "1m", **CASES[case]}
    here = job_in(tmp_path / "here", json.dumps(workspace(repository, "shop")))
    there = job_in(tmp_path / "there")

    local = here.use(with_={**({} if "task-file" in said else {"task-file": "plane.yaml"}), **said, "mode": "local"})
    remote = there.use(with_={**said, "kubeconfig": cluster})

    assert comparable(local) == comparable(remote), local.log + remote.log
