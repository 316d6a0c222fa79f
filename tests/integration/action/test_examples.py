"""Every example is run from its first job to its last, on a cluster on loopback, with the demo agent for the agents."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.git_server import GitServer, git
from fakes.github import fake_github
from fakes.runner import Job, Result
from kelos.api.kinds import WORKSPACE
from small_cluster import small_cluster
from workflows import EXAMPLES, evaluate, holds, in_order, is_ours, legs, load, triggers

EVENT = {
    "action": "created",
    "sender": {"login": "octocat", "type": "User"},
    "comment": {"id": 5, "body": "/agent rename it", "user": {"login": "octocat", "type": "User"}, "path": "a.py"},
    "pull_request": {"number": 7, "head": {"ref": "topic", "repo": {"full_name": "acme/widgets"}}},
    "repository": {"full_name": "acme/widgets"},
    "release": {"tag_name": "v2", "body": "To be written"},
}
# What replaces the programs that the last steps call: `gh` writes down what it was told.
GH = """\
#!/bin/sh
printf '%s\\n' "$@" >> "$GH_LOG"
for one in "$@"; do if [ -f "$one" ]; then cat "$one" >> "$GH_LOG"; fi; done
"""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git") as server:
        server.create("shop")
        yield server


@pytest.fixture
def cluster(tmp_path: Path, repository: GitServer) -> Iterator[str]:
    """The kubeconfig of a cluster with the Workspace that the examples name."""
    with small_cluster(tmp_path) as place:
        place.make(WORKSPACE, "my-workspace", spec={"repo": repository.url("shop")})
        yield place.kubeconfig.read_text()


class Run:
    """One run of a workflow file. `prompts` are those the agents got, as they were before the demo's own lines."""

    def __init__(self, path: Path, folder: Path, cluster: str, repository: GitServer, env: dict[str, str]) -> None:
        self.workflow, self.folder, self.repository = load(path), folder, repository
        self.results: list[Result] = []
        self.said: list[dict[str, str]] = []
        self.printed = ""
        self.context: dict[str, Any] = {
            "github": {"event": EVENT, "ref_name": "v2", "sha": "0" * 40, "token": "t"},
            "secrets": {"KELOS_KUBECONFIG": cluster, "kubeconfig": cluster},
            "vars": {},
            "inputs": {"prompt": "Fix it", "timeout": "30m", "branch": "called"},
            "needs": {},
            "steps": {},
        }
        (folder / "gh").write_text(GH)
        (folder / "gh").chmod(0o755)
        event = next(name for name in triggers(self.workflow) if name != "workflow_call") if self._is_called else "push"
        (folder / "event.json").write_text(json.dumps(EVENT))
        self._env = {**env, "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(folder / "event.json")}

    @property
    def _is_called(self) -> bool:
        return set(triggers(self.workflow)) != {"workflow_call"}

    def all(self) -> None:
        for name in in_order(self.workflow["jobs"]):
            job = self.workflow["jobs"][name]
            if not holds(str(job.get("if", "")), self.context, has_failed=False):
                continue
            for number, leg in enumerate(legs(job)):
                self._leg(f"{name}-{number}", job, leg)
            outputs = {key: evaluate(value, self.context) for key, value in job.get("outputs", {}).items()}
            self.context["needs"][name] = {"outputs": outputs}

    def _leg(self, name: str, job: dict, leg: dict) -> None:
        (self.folder / name).mkdir()
        runner = Job(self.folder / name, env={**self._env, "KELOS_PYTHON": sys.executable}, matrix=json.dumps(leg))
        self.context |= {"matrix": leg, "steps": {}}
        has_failed = False
        for step in job["steps"]:
            if not holds(str(step.get("if", "")), self.context, has_failed=has_failed):
                continue
            if is_ours(step):
                result = runner.use(with_=self._with(runner, step["with"]))
                self.results.append(result)
                self.context["steps"][step["id"]] = {"outputs": result.outputs}
                has_failed = has_failed or result.code != 0
            elif "run" in step:
                self._script(step)

    def _with(self, runner: Job, with_: dict) -> dict[str, str]:
        said = {key: evaluate(value, self.context) for key, value in with_.items()}
        self.said.append(dict(said))
        if name := said.get("task-file"):
            self._task_file(runner, name)
        if "prompt" in said and said.get("type") != "demo":
            said["prompt"] = as_program(said["prompt"])
        for key in ("credentials-secret", "credentials-type", "server", "ca", "oidc-audience", "namespace", "context"):
            said.pop(key, None)  # no keys are needed here, and the demo agent reads no prose
        required = [one for one in said.get("require-results", "").split(",") if one not in ("", "pr")]
        local = said.get("mode") == "local"
        return {
            **said,
            "type": "demo",
            "require-results": ",".join(required),
            **({} if local else {"kubeconfig": self.context["secrets"]["KELOS_KUBECONFIG"]}),
        }

    def _task_file(self, runner: Job, name: str) -> None:
        source = EXAMPLES[0].parent / "tasks" / Path(name).name
        documents = list(yaml.safe_load_all(source.read_text()))
        for document in documents:
            if document["kind"] == "Task":
                document["spec"]["prompt"] = as_program(document["spec"]["prompt"])
            if document["kind"] == "Workspace":
                document["spec"] = {"repo": self.repository.url("shop")}
        target = runner.folder / "workspace" / name
        target.parent.mkdir(parents=True)
        target.write_text(yaml.safe_dump_all(documents))

    def _script(self, step: dict) -> None:
        env = {key: evaluate(value, self.context) for key, value in step.get("env", {}).items()}
        base = {"PATH": f"{self.folder}:{os.environ['PATH']}", "GH_LOG": str(self.folder / "gh.log")}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**base, "GITHUB_REPOSITORY": "acme/widgets", **env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
        self.printed += done.stdout


def as_program(prompt: str) -> str:
    """The prompt as remarks, and what a busy agent would do: the demo agent reads no prose."""
    remarks = [f"# {line}" for line in prompt.splitlines()]
    done = ["append LOG.md: done", "commit Do it", "push", "say It is done", "usage input=10 output=5 cost=0.25"]
    return "\n".join([*remarks, *done])


@pytest.fixture
def run(tmp_path: Path, repository: GitServer, cluster: str) -> Iterator[Any]:
    with fake_github() as github:

        def start(name: str) -> Run:
            path = next(path for path in EXAMPLES if path.name == name)
            folder = tmp_path / "run"
            folder.mkdir()
            made = Run(path, folder, cluster, repository, dict(github.env))
            made.all()
            return made

        yield start


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_to_a_good_end(path: Path, run):
    """Every job, every leg, every step, with the scripts as they are."""
    done = run(path.name)

    assert done.results
    assert ["success"] * len(done.results) == [result.outputs["conclusion"] for result in done.results], [
        result.log for result in done.results
    ]


def test_the_chain_hands_commits_on_and_ends_with_all_of_them(run, repository: GitServer):
    """Three agents worked on one branch, one after the other, and each was told what the one before had done."""
    done = run("chain.yaml")

    told = json.loads(done.results[0].outputs["tasks"])
    commits = git("rev-list", "--reverse", "main..feature", cwd=repository.bare("shop")).split()
    assert commits == [told[key]["commit"] for key in ("scaffold", "tests", "pull-request")]
    assert "0.75 USD" in done.printed
    assert [f"{key}: success {one['commit']}" for key, one in told.items()] == done.printed.splitlines()[-3:]


def test_the_matrix_has_a_task_and_a_branch_for_each_leg(run, repository: GitServer):
    """They share a run and must share nothing else."""
    done = run("nightly-matrix.yaml")

    assert 3 == len({result.outputs["task-name"] for result in done.results})
    assert ["nightly-api", "nightly-web", "nightly-worker"] == [result.outputs["branch"] for result in done.results]
    assert ["", "claude-sonnet-5-5", ""] == [said["model"] for said in done.said]


def test_release_notes_are_the_agents_answer(run):
    """The answer arrives in the release as it was given."""
    done = run("release-notes.yaml")

    assert "It is done" in (done.folder / "gh.log").read_text()


def test_a_reviewers_words_are_material(run):
    """They are in the context, and the answer goes to the comment."""
    done = run("review-comment.yaml")

    assert ["/agent rename it"] == [said["context"] for said in done.said]
    assert "repos/acme/widgets/pulls/7/comments/5/replies" in (done.folder / "gh.log").read_text()
