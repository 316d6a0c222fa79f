"""What each agent is started with: command, files, environment."""

import json

import pytest
import tomllib

from kelos.agents.protocol import AgentRequest, Plugin, Skill, SubAgent
from kelos.agents.registry import AGENTS, find_agent
from kelos.errors import UserError

HOME = "/home/agent"
SERVERS = {
    "files": {"type": "stdio", "command": "mcp-files", "args": ["-v", 'q"'], "env": {"ROOT": "/x"}, "headers": {}},
    "web": {"type": "http", "url": "https://mcp.example/x", "headers": {"Authorization": "Bearer top"}},
}
PLUGIN = Plugin(
    name="team",
    path="/kelos/plugin/team",
    skills=(Skill(name="review", path="/kelos/plugin/team/skills/review"),),
    agents=(SubAgent(name="critic", path="/kelos/plugin/team/agents/critic.md"),),
)
HOSTILE = "--version $(SECRET) `id` \x1b[31m\n-p"


def request(**members) -> AgentRequest:
    return AgentRequest(**{"prompt": "do it", "home": HOME, "workdir": "/workspace/repo", **members})


def configure(agent, **members):
    return find_agent(agent).configure(request(**members))


def rendered(setup, path, existing=""):
    (file,) = (file for file in setup.files if file.path == path)
    return file.render(existing)


@pytest.mark.parametrize(
    ("agent", "command"),
    [
        (
            "claude-code",
            "claude -p --dangerously-skip-permissions --output-format stream-json --verbose --model=m/1 --effort=high",
        ),
        (
            "codex",
            (
                "codex exec --json --dangerously-bypass-approvals-and-sandbox --skip-git-repo-check --disable plugins "
                "--disable unbounded_connection_retries -c analytics.enabled=false --model=m/1 "
                '-c model_reasoning_effort="high" -'
            ),
        ),
        ("gemini", "gemini --yolo --output-format stream-json --model=m/1"),
        ("opencode", "opencode run --format json --auto --title kelos"),
        (
            "cursor",
            "cursor-agent -p --force --trust --sandbox disabled --output-format stream-json --model=m/1 -- do it",
        ),
    ],
)
def test_the_command_line(agent, command):
    """Flags are a contract with a program of another vendor: a change must be meant."""
    assert command == " ".join(configure(agent, model="m/1", effort="high").argv)


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_a_prompt_is_never_an_option_nor_a_shell_word(agent):
    """It goes to stdin unchanged; the one program that wants an argument gets it behind `--`."""
    setup = configure(agent, prompt=HOSTILE, runner=("python3", "x"))

    if setup.stdin is None:
        assert ("--", HOSTILE) == setup.argv[-2:]
    else:
        assert HOSTILE == setup.stdin
        assert HOSTILE not in setup.argv


def test_cursor_finds_a_long_prompt_in_its_file():
    """One argument may have 128 KiB."""
    setup = configure("cursor", prompt="x" * 200_000, prompt_path="/kelos/prompt/prompt")

    assert "/kelos/prompt/prompt" in setup.argv[-1]


def test_cursor_says_that_it_cannot_take_a_nul():
    with pytest.raises(UserError, match="NUL"):
        configure("cursor", prompt="a\x00b")


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_nothing_is_written_into_the_checkout(agent):
    """The agent would commit it."""
    setup = configure(agent, agents_md="be kind", mcp_servers=SERVERS, plugins=(PLUGIN,), runner=("python3", "x"))

    written = [file.path for file in setup.files] + [copy.target for copy in setup.copies]
    assert [] == [path for path in written if not path.startswith((f"{HOME}/", "/kelos/plugin/"))]


@pytest.mark.parametrize("agent", sorted(AGENTS))
@pytest.mark.parametrize("existing", ["", "own text\n", '{"mine": true}\n'])
def test_writing_twice_changes_nothing(agent, existing):
    """A home folder may see a second run; doubled TOML tables made codex refuse its configuration."""
    setup = configure(
        agent, agents_md="be kind", mcp_servers=SERVERS, plugins=(PLUGIN,), effort="high", runner=("python3", "x")
    )

    for file in setup.files:
        once = file.render(existing)
        assert once == file.render(once)


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_files_are_private(agent):
    """They hold MCP secrets and credentials."""
    setup = configure(agent, agents_md="x", mcp_servers=SERVERS, env={"CODEX_AUTH_JSON": "{}"}, runner=("python3", "x"))

    assert [] == [file.path for file in setup.files if file.mode & 0o077]


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_secrets_are_no_arguments(agent):
    """Every process of the pod can read a command line."""
    env = {name: f"secret-{name}" for kind in ("api-key", "oauth") if (name := find_agent(agent).credential_env(kind))}
    setup = configure(agent, mcp_servers=SERVERS, env=env, runner=("python3", "x"))

    assert "secret" not in " ".join(setup.argv)
    assert "Bearer" not in " ".join(setup.argv)


@pytest.mark.parametrize(
    ("agent", "api_key", "oauth"),
    [
        ("claude-code", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"),
        ("codex", "CODEX_API_KEY", "CODEX_AUTH_JSON"),
        ("gemini", "GEMINI_API_KEY", "GEMINI_API_KEY"),
        ("opencode", "OPENCODE_API_KEY", "OPENCODE_API_KEY"),
        ("cursor", "CURSOR_API_KEY", "CURSOR_API_KEY"),
        ("demo", None, None),
    ],
)
def test_the_variable_of_a_credential(agent, api_key, oauth):
    """It is the key of the user's Secret as well."""
    found = find_agent(agent)

    assert (api_key, oauth, None) == tuple(found.credential_env(kind) for kind in ("api-key", "oauth", "none"))


@pytest.mark.parametrize(
    ("agent", "path"),
    [
        ("claude-code", f"{HOME}/.claude/CLAUDE.md"),
        ("codex", f"{HOME}/.codex/AGENTS.md"),
        ("gemini", f"{HOME}/.gemini/GEMINI.md"),
        ("opencode", f"{HOME}/.config/opencode/AGENTS.md"),
        ("cursor", f"{HOME}/.cursor/AGENTS.md"),
    ],
)
def test_instructions_go_where_the_agent_reads_them(agent, path):
    assert "be kind" == rendered(configure(agent, agents_md="be kind"), path)


@pytest.mark.parametrize(
    ("agent", "variable", "path"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR", "/moved/CLAUDE.md"),
        ("codex", "CODEX_HOME", "/moved/AGENTS.md"),
        ("gemini", "GEMINI_CLI_HOME", "/moved/.gemini/GEMINI.md"),
        ("opencode", "OPENCODE_CONFIG_DIR", "/moved/AGENTS.md"),
    ],
)
def test_a_moved_configuration_folder_is_followed(agent, variable, path):
    assert "x" == rendered(configure(agent, agents_md="x", env={variable: "/moved"}), path)


def test_claude_mcp_servers_join_those_that_are_there():
    """Ours win under the same name."""
    existing = json.dumps({"theme": "dark", "mcpServers": {"own": {"command": "y"}, "web": {"type": "sse"}}})
    text = rendered(configure("claude-code", mcp_servers=SERVERS), f"{HOME}/.claude.json", existing)
    found = json.loads(text)

    assert ["own", "web", "files"] == list(found["mcpServers"])
    assert "dark" == found["theme"]
    assert {"type": "stdio", "command": "mcp-files", "args": ["-v", 'q"'], "env": {"ROOT": "/x"}} == (
        found["mcpServers"]["files"]
    )


def test_codex_mcp_servers_are_toml_tables():
    """Tables under the same name are replaced, all else stays."""
    existing = 'model = "own"\n\n[mcp_servers.web]\nurl = "old"\n\n[mcp_servers.web.env]\nA = "1"\n\n[other]\nx = 1\n'
    text = rendered(configure("codex", mcp_servers=SERVERS), f"{HOME}/.codex/config.toml", existing)

    patience = {"startup_timeout_sec": 60}

    assert {
        "model": "own",
        "other": {"x": 1},
        "mcp_servers": {
            "files": {"command": "mcp-files", "args": ["-v", 'q"'], "env": {"ROOT": "/x"}, **patience},
            "web": {"url": "https://mcp.example/x", "http_headers": {"Authorization": "Bearer top"}, **patience},
        },
    } == tomllib.loads(text)


def test_gemini_names_the_transport_by_the_member():
    servers = {**SERVERS, "old": {"type": "sse", "url": "https://sse.example"}}
    settings = json.loads(rendered(configure("gemini", mcp_servers=servers), f"{HOME}/.gemini/settings.json"))

    assert {
        "files": {"command": "mcp-files", "args": ["-v", 'q"'], "env": {"ROOT": "/x"}},
        "web": {"httpUrl": "https://mcp.example/x", "headers": {"Authorization": "Bearer top"}},
        "old": {"url": "https://sse.example"},
    } == settings["mcpServers"]


def test_opencode_gets_mcp_servers_too():
    """The reference forgets them."""
    config = json.loads(rendered(configure("opencode", mcp_servers=SERVERS), f"{HOME}/.config/opencode/opencode.json"))

    assert {
        "files": {
            "type": "local",
            "command": ["mcp-files", "-v", 'q"'],
            "environment": {"ROOT": "/x"},
            "enabled": True,
        },
        "web": {
            "type": "remote",
            "url": "https://mcp.example/x",
            "headers": {"Authorization": "Bearer top"},
            "enabled": True,
        },
    } == config["mcp"]


def test_cursor_uses_its_servers_only_when_told_to():
    setup = configure("cursor", mcp_servers=SERVERS)

    assert "--approve-mcps" in setup.argv
    assert ["files", "web"] == list(json.loads(rendered(setup, f"{HOME}/.cursor/mcp.json"))["mcpServers"])


def test_claude_takes_plugins_as_folders():
    """Its plugin loader wants a manifest; one that is there stays."""
    setup = configure("claude-code", plugins=(PLUGIN,))
    manifest = "/kelos/plugin/team/.claude-plugin/plugin.json"

    assert "--plugin-dir=/kelos/plugin/team" in setup.argv
    assert {"name": "team"} == json.loads(rendered(setup, manifest))
    assert "{}" == rendered(setup, manifest, "{}")


@pytest.mark.parametrize(
    ("agent", "copies"),
    [
        ("codex", [f"{HOME}/.codex/skills/team:review"]),
        (
            "gemini",
            [f"{HOME}/.gemini/extensions/team/skills/review", f"{HOME}/.gemini/extensions/team/agents/critic.md"],
        ),
        (
            "opencode",
            [f"{HOME}/.config/opencode/skills/team:review", f"{HOME}/.config/opencode/agents/critic.md"],
        ),
        ("cursor", [f"{HOME}/.cursor/skills/team:review", f"{HOME}/.cursor/rules/team-critic.mdc"]),
    ],
)
def test_skills_and_sub_agents_are_copied_where_the_agent_looks(agent, copies):
    assert copies == [copy.target for copy in configure(agent, plugins=(PLUGIN,)).copies]


def test_two_skills_for_one_place_are_refused():
    """The later one would win silently."""
    twice = (PLUGIN, Plugin(name="team", path="/p2", skills=(Skill(name="review", path="/p2/skills/review"),)))

    with pytest.raises(UserError, match=r"'team:review'.*/kelos/plugin/team/skills/review.*/p2/skills/review"):
        configure("codex", plugins=twice)


def test_codex_signs_in_with_the_given_bundle():
    """The variable does not reach the programs the agent starts."""
    setup = configure("codex", env={"CODEX_AUTH_JSON": '{"a":\r\n1}'})

    assert '{"a":1}' == rendered(setup, f"{HOME}/.codex/auth.json")
    assert ("CODEX_AUTH_JSON",) == setup.unset
    assert 'cli_auth_credentials_store="file"' in setup.argv


def test_codex_effort_cannot_leave_its_quotes():
    argv = configure("codex", effort='hi"gh\n\\').argv

    assert 'model_reasoning_effort="high"' in argv


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-pro", "high", {"thinkingBudget": 8192}),
        ("gemini-2.5-pro", "777", {"thinkingBudget": 777}),
        ("gemini-3-pro", "low", {"thinkingLevel": "LOW"}),
        ("gemini-3-pro", "max", {"thinkingLevel": "HIGH"}),
    ],
)
def test_gemini_effort_is_an_alias_of_the_model(model, effort, thinking):
    setup = configure("gemini", model=model, effort=effort)
    alias = "kelos-effort-" + model.replace(".", "-")
    settings = json.loads(rendered(setup, f"{HOME}/.gemini/settings.json"))
    expected = {"modelConfig": {"model": model, "generateContentConfig": {"thinkingConfig": thinking}}}

    assert {alias: expected} == settings["modelConfigs"]["customAliases"]
    assert f"--model={alias}" in setup.argv


def test_gemini_effort_of_another_model_is_a_wish():
    setup = configure("gemini", model="gemma", effort="high")

    assert "high reasoning effort" in rendered(setup, f"{HOME}/.gemini/GEMINI.md")
    assert setup.warnings


def test_gemini_with_a_key_names_its_method():
    """With a base URL in the environment it would choose one that it then refuses."""
    settings = json.loads(rendered(configure("gemini", env={"GEMINI_API_KEY": "k"}), f"{HOME}/.gemini/settings.json"))

    assert "gemini-api-key" == settings["security"]["auth"]["selectedType"]


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("anthropic/claude", "ANTHROPIC_API_KEY"),
        ("openai/gpt", "OPENAI_API_KEY"),
        ("google/gemini", "GEMINI_API_KEY"),
        ("groq/x", "GROQ_API_KEY"),
        ("xai/grok", "XAI_API_KEY"),
        ("zai/glm", "ZHIPU_API_KEY"),
        ("zai-coding-plan/glm", "ZHIPU_API_KEY"),
        ("zen/x", None),
        ("opencode/x", None),
        ("other/x", "ANTHROPIC_API_KEY"),
        ("", "ANTHROPIC_API_KEY"),
    ],
)
def test_opencode_gives_the_key_to_the_provider_of_the_model(model, variable):
    setup = configure("opencode", model=model, env={"OPENCODE_API_KEY": "k"})

    assert ([variable] if variable else []) == [name for name, value in setup.env.items() if value == "k"]
    assert ("other/x" == model) == bool(setup.warnings)


@pytest.mark.parametrize(("model", "is_off"), [("", True), ("openai/x", True), ("opencode/free", False)])
def test_opencode_does_not_fall_back_to_its_free_service(model, is_off):
    """A prompt would leave for a service nobody chose."""
    config = json.loads(rendered(configure("opencode", model=model), f"{HOME}/.config/opencode/opencode.json"))

    assert is_off == ("opencode" in config.get("disabled_providers", []))


@pytest.mark.parametrize(
    ("model", "effort", "variant"),
    [
        ("anthropic/c", "xhigh", "max"),
        ("anthropic/c", "low", "high"),
        ("google/g", "minimal", "low"),
        ("google/g", "max", "high"),
        ("openai/g", "medium", "medium"),
    ],
)
def test_opencode_effort_is_a_variant_of_its_build_agent(model, effort, variant):
    setup = configure("opencode", model=model, effort=effort)
    config = json.loads(rendered(setup, f"{HOME}/.config/opencode/opencode.json"))

    assert {
        "mode": "primary",
        "model": model,
        "options": {"reasoningEffort": effort},
        "variant": variant,
    } == config["agent"]["build"]
    assert [] == [word for word in setup.argv if word.startswith("--model")]


def test_root_is_told_to_claude_as_a_sandbox():
    """It refuses to run as root otherwise, with no JSON at all."""
    assert "1" == configure("claude-code", is_root=True).env["IS_SANDBOX"]
    assert "IS_SANDBOX" not in configure("claude-code").env


def test_the_demo_agent_is_a_program_of_our_own():
    assert ("python3", "runner.pyz", "demo") == configure("demo", runner=("python3", "runner.pyz")).argv


def test_an_unknown_type_is_refused_with_the_choice():
    with pytest.raises(UserError, match=r"'gpt'; use one of claude-code, codex, cursor, demo, gemini, opencode"):
        find_agent("gpt")
