"""Values of secrets are where they were put and where they are needed, and nowhere else, however a Task ends."""

from functools import partial
from subprocess import PIPE, Popen

import pytest

from fakes.git_server import git
from kelos.api.kinds import AGENT_CONFIG
from kelos.api.reasons import Reason
from realcluster.waiting import wait_for

from .doors import Done, all_at_once, sentence_has
from .plane import CANARIES, GIT_TOKEN, OTHER_VALUE, WRONG_TOKEN, CommandLines, Plane, submit

WORK = "write A: b\ncommit Add\npush"
FROM_ENV = {
    "podOverrides": {"env": [{"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "values", "key": "VALUE"}}}]}
}
MCP = {
    "mcpServers": [
        {
            "name": "tracker",
            "type": "http",
            "url": "http://127.0.0.1:9/mcp",
            "headersFrom": {"secretRef": {"name": "headers"}},
        }
    ]
}
CONFIG = """\
apiKey: {key}
workspace: {{repo: {repo}, token: {token}}}
"""

ENDS = {
    "secret-success": None,
    "secret-push-refused": Reason.AGENT_ERROR,
    "secret-clone-refused": Reason.CLONE_FAILED,
    "secret-setup-fails": Reason.SETUP_FAILED,
    "secret-breaks-off": Reason.AGENT_INCOMPLETE,
    "secret-no-program": Reason.INVALID_SPEC,
}


@pytest.fixture(scope="module")
def ended(plane: Plane) -> dict[str, Done]:
    """Tasks with every kind of secret, and each another end."""
    plane.locked.create("safe")
    hook = plane.locked.bare("safe") / "hooks/update"
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/refused ]\n')
    hook.chmod(0o755)
    url = plane.locked.url("safe")
    plane.secret("values", VALUE=OTHER_VALUE)
    plane.secret("headers", Authorization=f"Bearer {OTHER_VALUE}")
    plane.secret("right", GITHUB_TOKEN=GIT_TOKEN)
    plane.secret("wrong", GITHUB_TOKEN=WRONG_TOKEN)
    plane.secret("agent-key", CODEX_API_KEY=OTHER_VALUE)
    plane.make(AGENT_CONFIG, "with-headers", spec=MCP)
    plane.workspace("safe", repo=url, secretRef={"name": "right"})
    plane.workspace("unsafe", repo=url, secretRef={"name": "wrong"})
    plane.workspace("safe-setup", repo=url, secretRef={"name": "right"}, setupCommand=["sh", "-c", "exit 3"])
    common = {"agentConfigRefs": [{"name": "with-headers"}], **FROM_ENV}
    codex = {"type": "codex", "credentials": {"type": "api-key", "secretRef": {"name": "agent-key"}}}
    task = partial(submit, plane, **common)
    return all_at_once(
        {
            "secret-success": partial(
                task, "secret-success", prompt=WORK, workspaceRef={"name": "safe"}, branch="done"
            ),
            "secret-push-refused": partial(
                task, "secret-push-refused", prompt=WORK, workspaceRef={"name": "safe"}, branch="refused"
            ),
            "secret-clone-refused": partial(task, "secret-clone-refused", workspaceRef={"name": "unsafe"}),
            "secret-setup-fails": partial(task, "secret-setup-fails", workspaceRef={"name": "safe-setup"}),
            "secret-breaks-off": partial(
                task, "secret-breaks-off", prompt="exit 0", workspaceRef={"name": "safe"}, branch="x"
            ),
            "secret-no-program": partial(task, "secret-no-program", **codex),
            "config-file": partial(_with_config_file, plane, url),
        }
    )


def _with_config_file(plane: Plane, url: str) -> Done:
    path = plane.doors.file("config.yaml", CONFIG.format(key=OTHER_VALUE, repo=url, token=GIT_TOKEN))
    words = ("run", "--name", "from-config", "-t", "codex", "-p", "say hello", "--wait", "--yes")
    return plane.doors.cli("--config", str(path), *words)


@pytest.mark.parametrize("name", ENDS)
def test_every_end_is_reached(ended: dict[str, Done], name: str):
    """Otherwise the silence about secrets would prove nothing."""
    reason = ENDS[name]

    assert (reason.kebab if reason else "") == ended[name].outputs["failure-reason"], ended[name].said


def test_the_token_was_used(plane: Plane, ended: dict[str, Done]):
    """The branch came in through the locked door."""
    assert ended["secret-success"].outputs["commit"] == git("rev-parse", "done", cwd=plane.locked.bare("safe"))
    assert ("x-access-token", WRONG_TOKEN) in plane.locked.logins


def test_tokens_of_the_config_file_are_secrets_in_the_cluster(ended: dict[str, Done]):
    """They are read, stored, used for the clone, and not shown; the agent itself is not on this machine."""
    assert 1 == ended["config-file"].code, ended["config-file"].said
    assert sentence_has(ended["config-file"].err, "(InvalidSpec): ", "no program 'codex'")


def test_no_value_of_a_secret_is_said(plane: Plane, ended: dict[str, Done]):
    """Not by a step, not in Tasks, Jobs, pods, events or logs, and not by the plane, which runs at level debug."""
    said = plane.everything_said() + "".join(done.everything for done in ended.values())

    assert [] == [value for value in CANARIES if value in said]


def test_a_dry_run_shows_names_of_secrets_and_no_values(plane: Plane, ended: dict[str, Done]):
    """People paste what it prints into issues."""
    path = plane.folder / "config.yaml"

    call = plane.doors.cli("--config", str(path), "run", "-t", "codex", "-p", "x", "--dry-run")

    assert 0 == call.code, call.said
    assert "kelos-credentials" in call.out
    assert [] == [value for value in CANARIES if value in call.everything]


def test_command_lines_are_looked_at():
    """The watch over them, which runs as long as the plane, finds a value that is in one."""
    command = ["sh", "-c", "read x", "a-value-in-the-open"]
    with CommandLines(["a-value-in-the-open"]) as lines, Popen(command, stdin=PIPE) as process:
        wait_for("the command line to be seen", lambda: lines.found)
        assert process.stdin is not None
        process.stdin.close()
