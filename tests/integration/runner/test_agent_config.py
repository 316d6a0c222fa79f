"""An AgentConfig on its way to every agent: all of it arrives, none of it in the checkout, secrets in one file only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes.git_server import git
from kelos.agents.registry import AGENTS
from runner_pod import Pod, mcp

PROGRAMS = {
    "claude-code": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "opencode": "opencode",
    "cursor": "cursor-agent",
}
SECRET = "s3cret-of-the-crm"
INSTRUCTIONS = "Never touch the generated files."
SKILL = "---\nname: review\ndescription: x\n---\nRead twice.\n"


@pytest.fixture
def configured(open_host, pod: Pod) -> Pod:
    """A prepared pod with one of everything."""
    secret = pod.root / "mcp" / "0"
    secret.mkdir(parents=True)
    (secret / "Authorization").write_text(SECRET)
    servers = {
        "tool": {"type": "stdio", "command": "mcp-tool", "args": ["-v"], "env": {"LEVEL": "1"}},
        "crm": {"type": "http", "url": "https://crm.example", "headersFrom": str(secret)},
        "old": {"type": "sse", "url": "https://old.example", "headers": {"X-Team": "shop"}},
    }
    pod.give_input("mcp.json", mcp(**servers))
    pod.give_input("agents.md", INSTRUCTIONS)
    pod.give_input("plugins/team/skills/review/SKILL.md", SKILL)
    pod.give_input("plugins/team/agents/critic.md", "Find what is wrong.")
    pod.env["KELOS_PLUGIN_DIR"] = str(pod.root / "plugin")
    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app")).exit_code
    return pod


def run(pod: Pod, agent: str) -> None:
    pod.agent_type = agent
    if agent in PROGRAMS:
        pod.give_program(PROGRAMS[agent], "print('{}')")
    pod.launch("say hello")


def files_with(root: Path, text: str) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file() and text in p.read_text("utf-8", "replace"))


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_nothing_of_it_is_in_the_checkout(configured, agent):
    """Neither as a change nor as an ignored file: `git add --all --force` would find nothing to commit."""
    run(configured, agent)

    assert "" == git("status", "--porcelain", "--ignored", cwd=configured.checkout)


@pytest.mark.parametrize("agent", sorted(PROGRAMS))
def test_all_of_it_is_where_the_agent_reads(configured, agent):
    run(configured, agent)

    for text in (INSTRUCTIONS, "Read twice."):
        assert files_with(configured.home, text) or (agent == "claude-code" and files_with(configured.root, text))
    (config,) = files_with(configured.home, "mcp-tool")
    said = config.read_text()
    assert [] == [word for word in ("LEVEL", SECRET, "https://old.example", "X-Team") if word not in said]
    assert 0o600 == config.stat().st_mode & 0o777


@pytest.mark.parametrize("agent", sorted(PROGRAMS))
def test_a_secret_value_is_in_its_mount_and_in_the_agents_own_file_only(configured, agent):
    run(configured, agent)

    places = files_with(configured.root, SECRET)
    assert [configured.root / "mcp" / "0" / "Authorization"] == [p for p in places if configured.home not in p.parents]
    assert 2 == len(places)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("codex", ["codex has no sub-agents from files: 'team:critic' is left out", "codex does not speak sse"]),
        ("demo", ["demo takes no instructions", "demo has no skills", "demo does not speak stdio"]),
    ],
)
def test_what_an_agent_cannot_use_is_in_the_log(configured, agent, words):
    """Also where nobody looks at the Task: images are run by hand, too."""
    configured.agent_type = agent
    if agent in PROGRAMS:
        configured.give_program(PROGRAMS[agent], "print('{}')")

    said = configured.launch("say hello").stderr

    assert [] == [word for word in words if word not in said]


def test_a_plugin_whose_name_begins_with_a_dot_is_there_too(configured):
    """A hidden folder is a folder."""
    configured.give_input("plugins/.team/skills/hidden/SKILL.md", "Look below.")
    assert 0 == configured.prepare().exit_code

    run(configured, "codex")

    assert [".team:hidden"] == [path.parent.name for path in files_with(configured.home, "Look below.")]


def test_a_servers_values_come_in_the_order_of_the_reference(pod):
    """What comes from a Secret wins over what stands in the AgentConfig: the other way round than for a pod."""
    folder = pod.root / "mcp" / "0"
    folder.mkdir(parents=True)
    (folder / "A").write_text("secret")
    (folder / "C").write_text("secret")
    env = {"A": "plain", "B": "plain"}
    pod.give_input("mcp.json", mcp(tool={"type": "stdio", "command": "t", "env": env, "envFrom": str(folder)}))

    run(pod, "claude-code")

    server = json.loads((pod.home / ".claude.json").read_text())["mcpServers"]["tool"]
    assert {"A": "secret", "B": "plain", "C": "secret"} == server["env"]
