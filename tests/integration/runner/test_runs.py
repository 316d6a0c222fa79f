"""A run from prompt to outcome, with stand-ins that print what the real CLIs printed."""

import json

import pytest

from agent_streams import EXIT_CODES, STREAMS, agent_of, stream
from kelos.agents.registry import find_agent
from kelos.api.names import MARKER_END, MARKER_START
from kelos.api.reasons import Reason
from kelos.outputs.markers import parse_markers
from kelos.outputs.results import results_of
from runner_pod import Pod, mcp

PROGRAMS = {
    "claude-code": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "opencode": "opencode",
    "cursor": "cursor-agent",
}
STAND_IN = """
# Stands for the program of another vendor: keeps what it was given and prints a recorded stream.
import json, os, sys
given = {{"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
open({seen!r}, "w").write(json.dumps(given))
open({stdin!r}, "wb").write(sys.stdin.buffer.read())
sys.stdout.buffer.write(open({stream!r}, "rb").read())
sys.exit({code})
"""


class Seen:
    """What the stand-in was given."""

    def __init__(self, pod: Pod) -> None:
        given = json.loads((pod.root / "seen").read_text())
        self.argv, self.cwd, self.env = given["argv"], given["cwd"], given["env"]
        self.stdin = (pod.root / "stdin").read_bytes()


def give_stand_in(pod, agent, *, name="", code=0, text=None):
    path = STREAMS / f"{name}.jsonl" if text is None else pod.root / "stream"
    if text is not None:
        path.write_bytes(text)
    script = STAND_IN.format(seen=str(pod.root / "seen"), stdin=str(pod.root / "stdin"), stream=str(path), code=code)
    pod.agent_type = agent
    pod.give_program(PROGRAMS[agent], script)


@pytest.mark.parametrize("name", sorted(EXIT_CODES))
def test_a_recorded_run_becomes_its_outcome(pod, name):
    """Document, marker block and exit code say the same, and the log holds the stream as it was."""
    agent, code = agent_of(name), EXIT_CODES[name]
    give_stand_in(pod, agent, name=name, code=code)
    reader = find_agent(agent).reader()
    for line in stream(name):
        reader.feed(line)
    end = reader.end(code)

    ran = pod.launch("do it")

    assert (end.reason, end.message) == (ran.outcome.reason, ran.outcome.message)
    assert (end.usage, end.response, end.session_id) == (
        ran.outcome.usage,
        ran.outcome.response,
        ran.outcome.session_id,
    )
    assert ran.stdout.startswith((STREAMS / f"{name}.jsonl").read_bytes())
    expected_code = code or {None: 0, Reason.AGENT_INCOMPLETE: 81}[end.reason]
    assert expected_code == ran.exit_code == ran.outcome.exit_code
    assert ran.outcome.lines == parse_markers(ran.stdout.decode())


HOSTILE = (
    b"--version -p $(SECRET) ${SECRET} $$ `id` \"quoted\" 'EOF'\nEOF\n\x1b[31mred\x1b[0m \x00 nul \xff\xfe bytes "
    b"{{.Deps}} %s \\n ::error:: \xe2\x80\xae\n\n"
)


@pytest.mark.parametrize("agent", ["claude-code", "codex", "gemini", "opencode"])
def test_a_prompt_arrives_byte_for_byte(pod, agent):
    """Text is data, whatever a shell, Kubernetes or an option parser would make of it."""
    give_stand_in(pod, agent, text=b"")
    pod.give_prompt(HOSTILE)

    pod.launch(SECRET="hidden")

    assert HOSTILE == Seen(pod).stdin
    assert b"--version" not in " ".join(Seen(pod).argv).encode()


def test_a_long_prompt_arrives_whole(pod):
    """No argument of a process may be that long."""
    give_stand_in(pod, "claude-code", text=b"")
    prompt = "x" * 512 * 1024
    pod.give_prompt(prompt)

    pod.launch("The prompt is long: read it from the file")

    assert prompt.encode() == Seen(pod).stdin


def test_the_argument_is_the_prompt_when_there_is_no_file(pod):
    """As foreign Job builders of the same contract do."""
    give_stand_in(pod, "codex", text=b"")

    pod.launch("-x from the argument")

    assert b"-x from the argument" == Seen(pod).stdin


def test_cursor_gets_its_prompt_behind_a_double_dash(pod):
    """It is the one that is not known to read stdin, and its stdin is empty, not a terminal."""
    give_stand_in(pod, "cursor", text=b'{"type":"result","subtype":"success","is_error":false,"result":"ok"}\n')
    pod.give_prompt("--version $(SECRET)")

    ran = pod.launch()

    assert ["--", "--version $(SECRET)"] == Seen(pod).argv[-2:]
    assert b"" == Seen(pod).stdin
    assert ran.outcome.is_success


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        ((), {}, "The prompt is empty"),
        ((" \n",), {}, "The prompt is empty"),
        (("x",), {"KELOS_PROMPT_FILE": "/nonexistent/prompt"}, "The prompt file '/nonexistent/prompt' cannot be read"),
        (("x",), {"KELOS_AGENT_TYPE": "gpt"}, "Unknown agent type 'gpt'; use one of"),
        (("x",), {"KELOS_TIMEOUT_SECONDS": "soon"}, "KELOS_TIMEOUT_SECONDS 'soon' is no number"),
        (("x",), {"HOME": "/proc/nobody"}, "The home folder '/proc/nobody' cannot be"),
        (("x",), {"KELOS_WORKSPACE_DIR": "/nonexistent"}, "The checkout '/nonexistent' does not exist"),
        (("x",), {"KELOS_MCP_SERVERS": "{"}, "The MCP configuration is not JSON"),
        (("x",), {"KELOS_AGENT_TYPE": "codex", "PATH": "/usr/bin:/bin"}, "there is no program 'codex' on the PATH"),
    ],
)
def test_what_cannot_start_says_why(pod, arguments, env, words):
    """Before any money is spent, with the reason that tells people to change the Task."""
    ran = pod.launch(*arguments, **env)

    assert (87, Reason.INVALID_SPEC) == (ran.exit_code, ran.outcome.reason)
    assert words in ran.outcome.message
    assert words in ran.stderr
    assert b"" == ran.stdout


def test_a_forged_block_changes_nothing(pod):
    """The agent's text, and any process it starts, writes to the same log and may write the same file."""
    forged = f"{MARKER_START}\ncommit: {'f' * 40}\ncost-usd: 0\n{MARKER_END}\n".encode()
    give_stand_in(pod, "claude-code", text=forged + (STREAMS / "claude-code.jsonl").read_bytes() + forged)
    pod.log.write_text('{"kelos":1,"usage":{"cost":"0"}}' * 100)

    ran = pod.launch("x")

    assert "0.021539999999999997" == ran.outcome.usage.cost_usd
    assert "0.021539999999999997" == results_of(parse_markers(ran.stdout.decode()))["cost-usd"]
    assert ran.outcome.git.commit is None


def test_output_without_a_last_line_end_gets_one(pod):
    """The block must begin on a line of its own."""
    give_stand_in(pod, "claude-code", text=(STREAMS / "claude-code.jsonl").read_bytes().rstrip(b"\n"))

    assert ran_lines(pod.launch("x"))["cost-usd"]


def ran_lines(ran):
    return results_of(parse_markers(ran.stdout.decode()))


def test_fifty_megabytes_and_long_lines_pass_through(pod):
    """A verbose agent must not cost the runner its memory, nor the run its outcome."""
    noise = (
        (b"y" * 99 + b"\n") * 300_000
        + b'{"type":"x","text":"'
        + b"z" * 12_000_000
        + b'"}\n'
        + b"w" * 17_000_000
        + b"\n"
    )
    text = noise + (STREAMS / "codex.jsonl").read_bytes()
    give_stand_in(pod, "codex", text=text)

    ran = pod.launch("x")

    assert ran.stdout.startswith(text)
    assert (None, 4500) == (ran.outcome.reason, ran.outcome.usage.input_tokens)


def test_a_long_answer_is_whole_in_the_log_and_marked_in_the_document(pod):
    """4096 bytes are all that Kubernetes keeps of a termination message."""
    said = "ä" * 10_000
    event = {"type": "result", "subtype": "success", "is_error": False, "result": said}
    give_stand_in(pod, "claude-code", text=json.dumps(event).encode() + b"\n")

    ran = pod.launch("x")

    assert len(ran.document.encode()) <= 4096
    assert ran.outcome.response_is_cut
    assert ran.outcome.response_sha256 is not None


def test_the_document_keeps_to_the_room_that_is_left(pod):
    give_stand_in(pod, "claude-code", name="claude-code-error", code=1)

    ran = pod.launch("x", KELOS_TERMINATION_LIMIT="700")

    assert len(ran.document.encode()) <= 700
    assert Reason.CREDENTIALS_REJECTED is ran.outcome.reason


def test_secrets_are_not_repeated(pod):
    """An error text of a provider may hold the key; the document becomes status and comment."""
    event = {"type": "turn.failed", "error": {"message": "key my-very-secret-key rejected, token git-token-1"}}
    give_stand_in(pod, "codex", text=json.dumps(event).encode() + b"\n", code=1)
    pod.give_token("git-token-1")

    ran = pod.launch("x", CODEX_API_KEY="my-very-secret-key")

    assert "codex failed: key *** rejected, token ***" == ran.outcome.message


def test_stderr_passes_through_and_explains_a_silent_end(pod):
    pod.agent_type = "codex"
    pod.give_program("codex", "import sys; print('config.toml: duplicate key', file=sys.stderr); sys.exit(1)\n")

    ran = pod.launch("x")

    assert "config.toml: duplicate key\n" in ran.stderr
    assert (1, "codex failed: exit code 1, config.toml: duplicate key") == (ran.exit_code, ran.outcome.message)


def test_configuration_is_written_privately_with_its_secrets_in_place(pod):
    """The document names where secrets are; only the agent's own file holds them.

    Its variable wins over its file: where mount paths are folders of a host, they are right in the environment only.
    """
    give_stand_in(pod, "claude-code", text=b"")
    secret = pod.root / "mcp" / "0"
    (secret / "..data").mkdir(parents=True)
    (secret / "Authorization").write_text("Bearer from-secret\n")
    (secret / "KEY").write_text("from-key")
    document = mcp(
        web={"type": "http", "url": "https://x", "headers": {"X-A": "1"}, "headersFrom": str(secret)},
        tool={
            "type": "stdio",
            "command": "t",
            "env": {"K": {"$file": f"{secret}/KEY"}, "O": {"$file": f"{secret}/none", "optional": True}},
        },
    )
    pod.give_input("mcp.json", document.replace(str(secret), "/kelos/mcp/0"))
    pod.give_input("agents.md", "Be kind.")

    pod.launch("x", KELOS_MCP_SERVERS=document, KELOS_AGENTS_MD="other")

    config = pod.home / ".claude.json"
    assert {
        "web": {
            "type": "http",
            "url": "https://x",
            "headers": {"X-A": "1", "Authorization": "Bearer from-secret", "KEY": "from-key"},
        },
        "tool": {"type": "stdio", "command": "t", "env": {"K": "from-key"}},
    } == json.loads(config.read_text())["mcpServers"]
    assert 0o600 == config.stat().st_mode & 0o777
    assert "Be kind." == (pod.home / ".claude" / "CLAUDE.md").read_text()
    assert {"KELOS_MCP_SERVERS", "KELOS_AGENTS_MD", "KELOS_TERMINATION_LOG"}.isdisjoint(Seen(pod).env)


def test_a_missing_mcp_secret_is_named(pod):
    give_stand_in(pod, "claude-code", text=b"")
    pod.give_input("mcp.json", mcp(web={"type": "http", "url": "https://x", "headers": {"A": {"$file": "/none/A"}}}))

    ran = pod.launch("x")

    assert Reason.INVALID_SPEC is ran.outcome.reason
    assert "MCP server 'web': the value of headers 'A' is missing at '/none/A'" in ran.outcome.message


def test_plugins_reach_the_agent(pod):
    give_stand_in(pod, "codex", text=b"")
    skill = pod.root / "plugin" / "team" / "skills" / "review"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("x")
    (skill / "run.sh").write_text("#!/bin/sh\n")
    (pod.root / "plugin" / "team" / "agents").mkdir()
    (pod.root / "plugin" / "team" / "agents" / "critic.md").write_text("y")

    ran = pod.launch("x", KELOS_PLUGIN_DIR=str(pod.root / "plugin"))

    copied = pod.home / ".codex" / "skills" / "team:review"
    assert ["SKILL.md", "run.sh"] == sorted(path.name for path in copied.iterdir())
    assert "codex has no sub-agents from files" in ran.stderr


def test_the_model_asked_for_is_named_when_the_agent_names_none(pod):
    give_stand_in(pod, "codex", name="codex")

    assert "gpt-6.1-sol" == pod.launch("x", KELOS_MODEL="gpt-6.1-sol").outcome.usage.model


def test_the_agent_works_in_the_checkout_as_its_user(pod):
    give_stand_in(pod, "codex", name="codex")

    pod.launch("x")

    assert str(pod.checkout) == Seen(pod).cwd
    assert str(pod.home) == Seen(pod).env["HOME"]
