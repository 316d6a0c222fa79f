"""Text is data: what a prompt holds arrives at the agent byte for byte, and is nothing else on its way there.

A Workspace's setupCommand runs where the agent will: it copies the file that KELOS_PROMPT_FILE names, and the
arguments of the program that was started. The demo agent's session is named after the hash of what it was given.
"""

from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from fakes.runner import commands
from kelos.api.kinds import JOB, POD
from kelos.api.names import PROMPT_ARGUMENT_LIMIT_BYTES, PROMPT_LIMIT_BYTES

from .doors import Done, Doors, all_at_once
from .plane import OTHER_VALUE, Plane, submit

PROBE = """\
mkdir -p "$0/$KELOS_TASK_NAME"
cp "$KELOS_PROMPT_FILE" "$0/$KELOS_TASK_NAME/prompt"
cp /proc/$PPID/cmdline "$0/$KELOS_TASK_NAME/arguments"
"""
SECRET_IN_ENV = {
    "podOverrides": {"env": [{"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "canary", "key": "VALUE"}}}]}
}


def filled(size: int, last: str = "end") -> str:
    """A text of that many bytes without a command of the demo agent."""
    line = "# $(SECRET) 'quoted' ünï\n"
    text = line * ((size - len(last)) // len(line.encode()))
    return text + "x" * (size - len(text.encode()) - len(last)) + last


PROMPTS = {
    "variables": "$(SECRET) $(KELOS_TASK_NAME) $$ $$$ $$(SECRET) ${SECRET} $SECRET $((1+1)) ${{ secrets.SECRET }}",
    "shell": "\"double\" 'single' `id` $(touch pwned) ; touch pwned | touch pwned & \\ \\n \\0 !! ~ * ? [a] > pwned",
    "here-document": "cat <<EOF\nEOF\n'EOF'\nEOF\n\nghadelimiter_x\n",
    "workflow-commands": "::set-output name=commit::evil\n::add-mask::a\n##[error]x\n::stop-commands::x",
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x08\x08 \x7f \x01",
    "markers": "---KELOS_OUTPUTS_START---\ncommit: evil\npr: https://evil.example\n---KELOS_OUTPUTS_END---",
    "templates": "{{ .Deps }} {{ range }} {% raw %} <%= x %> {{",
    "paths": "/workspace/repo/a /kelos/prompt/prompt /kelos/inputs /dev/termination-log /kelos/home",
    "line-ends": "unix\nwindows\r\nold mac\rtab\t end  \n\n\n",
    "front": "  \n\n  indented and -e --help -- ",
    "option": "--help",
    "unicode": "ünï 漢字 🎈 e\u0301 \u2028 \u2029 \u202eright to left \ufeff \U0010ffff",
    "yaml": "a: &x [*x]\n--- !!python/object:os.system\n...\n- '\n\"",
    "json": '{"prompt": "\\u0000", "a": [1, 2',
    "below-96k": filled(PROMPT_ARGUMENT_LIMIT_BYTES - 1),
    "at-96k": filled(PROMPT_ARGUMENT_LIMIT_BYTES),
    "above-96k": filled(PROMPT_ARGUMENT_LIMIT_BYTES + 1),
    "dollars-only": "$" * PROMPT_ARGUMENT_LIMIT_BYTES,
    "at-the-limit": filled(PROMPT_LIMIT_BYTES),
}
BY_HAND = ("variables", "shell", "ansi", "unicode", "option", "line-ends")
FROM_CLI = ("variables", "workflow-commands", "line-ends", "front", "above-96k", "at-the-limit")


@pytest.fixture(scope="module")
def seen(plane: Plane) -> Path:
    """The folder that the probe writes to."""
    folder = plane.folder / "seen"
    plane.secret("canary", VALUE=OTHER_VALUE)
    plane.workspace("probe", setupCommand=["sh", "-ec", PROBE, str(folder)])
    return folder


@pytest.fixture(scope="module")
def ended(plane: Plane, seen: Path) -> dict[str, Done]:
    """Every prompt by way of a task-file; some also by hand through the input, and from the command line."""
    doors = plane.doors
    calls = {}
    for name, prompt in PROMPTS.items():
        calls[f"file-{name}"] = partial(
            submit, plane, f"file-{name}", prompt=prompt, workspaceRef={"name": "probe"}, **SECRET_IN_ENV
        )
    for name in BY_HAND:
        calls[f"input-{name}"] = partial(
            doors.action, name=f"input-{name}", type="demo", workspace="probe", prompt=PROMPTS[name]
        )
    for name in FROM_CLI:
        path = doors.file(f"{name}.txt", PROMPTS[name])
        calls[f"cli-{name}"] = partial(_run, doors, f"cli-{name}", path)
        calls[f"prompt-file-{name}"] = partial(
            doors.action, name=f"prompt-file-{name}", type="demo", workspace="probe", prompt_file=path.name
        )
    return all_at_once(calls)


def _run(doors: Doors, name: str, path: Path) -> Done:
    flags = ("-t", "demo", "--credential-type", "none", "--workspace", "probe", "--prompt-file", str(path), "--wait")
    return doors.cli("run", "--name", name, *flags)


WAYS = [
    *(pytest.param(f"file-{name}", name, id=f"file-{name}") for name in PROMPTS),
    *(pytest.param(f"input-{name}", name, id=f"input-{name}") for name in BY_HAND),
    *(pytest.param(f"{way}-{name}", name, id=f"{way}-{name}") for way in ("cli", "prompt-file") for name in FROM_CLI),
]


@pytest.mark.parametrize(("task", "name"), WAYS)
def test_the_agent_gets_the_prompt_byte_for_byte(
    plane: Plane, seen: Path, ended: dict[str, Done], task: str, name: str
):
    """As a file beside it, and as the text it was told to do."""
    prompt = PROMPTS[name].encode()

    assert 0 == ended[task].code, ended[task].said[-3000:]
    assert prompt == (seen / task / "prompt").read_bytes()
    assert f"demo-{sha256(prompt).hexdigest()[:12]}" == plane.status(task)["results"]["session-id"]


@pytest.mark.parametrize(
    "name", [name for name, text in PROMPTS.items() if len(text.encode()) <= PROMPT_ARGUMENT_LIMIT_BYTES]
)
def test_a_prompt_that_fits_is_the_argument_unexpanded(seen: Path, ended: dict[str, Done], name: str):
    """Images of the reference's contract know nothing but their first argument; the cluster expands nothing in it."""
    argument = (seen / f"file-{name}" / "arguments").read_bytes().rstrip(b"\0").rpartition(b"\0launch\0")[2]

    assert PROMPTS[name].encode() == argument


@pytest.mark.parametrize("name", ["above-96k", "at-the-limit"])
def test_a_longer_prompt_is_pointed_at(plane: Plane, seen: Path, ended: dict[str, Done], name: str):
    """No argument list takes that much; the sentence says where it is, and the prompt is in no pod."""
    argument = (seen / f"file-{name}" / "arguments").read_bytes().rpartition(b"\0launch\0")[2].decode()

    assert argument.startswith("The prompt is long: read it from the file /")
    assert "$(SECRET)" not in plane.texts_of(JOB, f"file-{name}") + plane.texts_of(POD, f"file-{name}")


@pytest.mark.parametrize(("task", "name"), [way for way in WAYS if not way.id.startswith("cli")])
def test_the_log_of_a_step_obeys_nobody_but_the_step(ended: dict[str, Done], task: str, name: str):
    """What a runner would take for a command is ours: the mask of the plane's token, and fences."""
    obeyed = [line for line in commands(ended[task].out) if not line.startswith(("::add-mask::", "::group::", "::end"))]

    assert [] == obeyed
    assert "evil" not in str(dict(ended[task].outputs) | {"results": "", "message": ""})
    assert not ended[task].outputs["commit"].startswith("evil")


def test_no_variable_was_expanded_and_no_command_run(plane: Plane, ended: dict[str, Done]):
    """The value behind $(SECRET) is nowhere, and neither is the file that the prompts would have touched."""
    said = plane.everything_said() + "".join(done.everything for done in ended.values())

    assert OTHER_VALUE not in said
    assert [] == list(plane.folder.rglob("pwned"))


def test_the_prompt_files_are_as_they_were(plane: Plane, ended: dict[str, Done]):
    """They belong to somebody."""
    for name in FROM_CLI:
        assert PROMPTS[name].encode() == (plane.folder / f"{name}.txt").read_bytes()
