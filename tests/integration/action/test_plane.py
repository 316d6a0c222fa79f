"""Mode local with the real local plane and the demo agent: a whole pipeline with no cluster and no key."""

import json
import os
import sys
import threading
from pathlib import Path
from secrets import token_hex

import pytest

from fakes.git_server import GitServer, git
from fakes.runner import Job
from realcluster.waiting import wait_for

PYTHON = Path(sys.executable)


@pytest.fixture
def repository(tmp_path: Path):
    with GitServer(tmp_path / "git") as server:
        server.create("shop")
        yield server


@pytest.fixture
def local(tmp_path: Path, repository: GitServer) -> Job:
    """A job with a checkout that holds the Workspace and a Task to vary."""
    job = Job(tmp_path, env={"KELOS_PYTHON": str(PYTHON)})
    workspace = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Workspace", "metadata": {"name": "shop"}}
    documents = [json.dumps({**workspace, "spec": {"repo": repository.url("shop")}})]
    (job.folder / "workspace/plane.yaml").write_text("\n---\n".join(documents))
    return job


def inputs(*program: str, **said: str) -> dict[str, str]:
    base = {"mode": "local", "task-file": "plane.yaml", "type": "demo", "workspace": "shop", "timeout": "1m"}
    return {**base, "prompt": "\n".join(program), **said}


def test_two_agents_in_a_row(local: Job, repository: GitServer):
    """The second step works on what the first one's outputs name."""
    first = local.use(
        with_=inputs(
            "write NOTES.md: one", "commit Add notes", "push", "usage input=10 output=5 cost=0.25", branch="notes"
        )
    )
    assert (0, "success", "notes", "0.25") == (
        first.code,
        *(first.outputs[name] for name in ("conclusion", "branch", "cost-usd")),
    ), first.log

    second = local.use(with_=inputs("append NOTES.md: two", "commit Add more", "push", branch=first.outputs["branch"]))

    head = git("rev-parse", "notes", cwd=repository.bare("shop"))
    assert (0, head) == (second.code, second.outputs["commit"]), second.log
    assert first.outputs["commit"] == git("rev-parse", "notes^", cwd=repository.bare("shop"))
    assert "one\ntwo" == git("show", "notes:NOTES.md", cwd=repository.bare("shop"))


@pytest.mark.parametrize(
    ("base", "start", "told"),
    [("refs/heads/release", "release", "release"), ("hash", "main~1", "main")],
)
def test_a_new_branch_starts_at_the_base_that_the_step_names(
    local: Job, repository: GitServer, base: str, start: str, told: str
):
    """The Workspace says no ref, and pull requests go to the base when that is a branch."""
    bare = repository.bare("shop")
    git("branch", "release", "main~1", cwd=bare)
    wanted = git("rev-parse", start, cwd=bare)

    program = ("write NOTES.md: one", "commit Add notes", "push")
    result = local.use(with_=inputs(*program, **{"branch": "fix", "base-ref": wanted if base == "hash" else base}))

    assert (0, told) == (result.code, result.outputs["base-branch"]), result.log
    assert wanted == git("rev-parse", "fix^", cwd=bare)


def test_a_base_that_is_not_there_is_said(local: Job):
    """The Workspace is right, so that its ref is not what people are told to look at."""
    result = local.use(with_=inputs("say hello", **{"base-ref": "nosuch"}))

    assert (1, "clone-failed") == (result.code, result.outputs["failure-reason"]), result.log
    assert "has no ref 'nosuch': set the Task's baseRef" in result.outputs["message"]


@pytest.mark.parametrize("module", ["kelos", "structlog", "json"])
def test_the_checkout_is_no_place_for_modules(local: Job, module: str):
    """The step works in a checkout, perhaps a stranger's: a file there that is called like a module must not run."""
    (local.folder / "workspace" / f"{module}.py").write_text(f"open({str(local.folder / 'ran')!r}, 'w')\n")

    result = local.use(with_=inputs("say hello"))

    assert (0, False) == (result.code, (local.folder / "ran").exists()), result.log


def test_an_agent_that_fails_fails_the_step(local: Job):
    """With its own words and the reason of the closed list."""
    result = local.use(with_=inputs("say trying", "fail the tests are red"))

    assert (1, "failure", "agent-error") == (
        result.code,
        result.outputs["conclusion"],
        result.outputs["failure-reason"],
    ), result.log
    assert "the tests are red" in result.outputs["message"]
    assert "| trying" in result.log.splitlines()


@pytest.mark.parametrize(("kinds", "attempts"), [("infra", "1"), ("infra, agent-error", "2")])
def test_only_ends_of_the_wished_kinds_are_tried_again(local: Job, kinds: str, attempts: str):
    """An agent's own mistake may cost as much again."""
    result = local.use(with_=inputs("fail the tests are red", retries="1", **{"retry-on": kinds}))

    assert (1, "agent-error", attempts) == (
        result.code,
        result.outputs["failure-reason"],
        result.outputs["attempt"],
    ), result.log


def test_a_repository_out_of_reach_is_said(local: Job, repository: GitServer):
    """The clone failed, and not the agent."""
    path = local.folder / "workspace/plane.yaml"
    path.write_text(path.read_text().replace("shop.git", "nothing.git"))

    result = local.use(with_=inputs("say hello"))

    assert (1, "clone-failed") == (result.code, result.outputs["failure-reason"]), result.log


def test_a_prompt_is_data_all_the_way(local: Job, repository: GitServer):
    """From the workflow through the pod's arguments to the agent: nothing is expanded, run or lost."""
    hostile = "$(GITHUB_TOKEN) $(touch pwned) `id` ${HOME} \"q\" 'q' ##[error]x EOF ünï"

    result = local.use(with_=inputs(f"write TEXT.md: {hostile}", "commit Add text", "push", branch="text"))

    assert 0 == result.code, result.log
    assert hostile == git("show", "text:TEXT.md", cwd=repository.bare("shop"))
    assert [] == list(local.folder.rglob("pwned"))


def test_a_prompt_of_half_a_mebibyte_arrives(local: Job, repository: GitServer):
    """No argument list takes that much, so it travels as a file from end to end."""
    lines = ["write LAST.md: the end", "commit Add the end", "push"]
    filler = "# " + "x" * 100 + "\n"
    text = filler * ((512 * 1024 - 100) // len(filler)) + "\n".join(lines)
    (local.folder / "workspace/long.txt").write_text(text)

    result = local.use(with_={**inputs(branch="long"), "prompt": "", "prompt-file": "long.txt"})

    assert 0 == result.code, result.log[-2000:]
    assert "the end" == git("show", "long:LAST.md", cwd=repository.bare("shop"))


def test_a_cancelled_step_leaves_no_process(local: Job, repository: GitServer):
    """The agent had begun and would have slept for ten minutes; the runner does not wait for a plane that is slow."""
    now, pipe = threading.Event(), local.folder / "pushed"
    os.mkfifo(pipe)
    hook = repository.bare("shop") / "hooks/post-receive"
    hook.write_text(f"#!/bin/sh\necho now > {pipe}\n")
    hook.chmod(0o755)
    before: list[str] = []
    word = f"unlikely-{token_hex(8)}"

    def pushed() -> None:
        pipe.read_text()
        before.extend(processes_with(word))
        now.set()

    threading.Thread(target=pushed, daemon=True).start()

    result = local.use(
        with_=inputs("write A: b", "commit Add", "push", "sleep 600", f"say {word}", branch="b"), cancel_when=now
    )

    assert 130 == result.codes["Run the Task"], result.log
    assert "cancelled" == result.outputs["conclusion"]
    assert before
    wait_for("the agent to be gone", lambda: not processes_with(word))


def processes_with(word: str) -> list[str]:
    """Command lines that hold the word, as every process of the agent's pod does."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found
