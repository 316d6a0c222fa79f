"""Calls that are wrong by themselves: nothing is sent, and the sentence names the word to change."""

import json
from pathlib import Path

import pytest

from kelos.api.kinds import TASK
from kelos.api.names import PROMPT_LIMIT_BYTES

from .doors import Doors, sentence_has
from .plane import NAMESPACE, Plane, task_file

GOOD = {"prompt": "say hello", "type": "demo", "name": "never"}
KNOWN_AGENTS = ("claude-code", "codex", "gemini", "opencode", "cursor", "demo")

NAMES = [
    pytest.param("Upper", id="upper case"),
    pytest.param("a_b", id="underscore"),
    pytest.param("-a", id="dash in front"),
    pytest.param("a" * 254, id="too long"),
    pytest.param("a/../b", id="a path"),
    pytest.param("a$(id)", id="shell"),
]
BRANCHES = [
    pytest.param("a..b", id="two dots"),
    pytest.param("-f", id="an option"),
    pytest.param("a b", id="a space"),
    pytest.param("x.lock", id="a lock"),
    pytest.param("HEAD", id="HEAD"),
    pytest.param("a\x1b[31m", id="ANSI"),
    pytest.param("a~1", id="a revision"),
]


@pytest.fixture(autouse=True)
def nothing_is_sent(plane: Plane):
    """Whatever was wrong: the cluster never heard of it."""
    yield
    names = [task["metadata"]["name"] for task in plane.api.get(TASK.path(NAMESPACE)).expect()["items"]]
    assert "never" not in names


def test_an_unknown_agent_is_answered_with_the_known_ones(doors: Doors):
    """A typing mistake must not cost a look into the documentation."""
    step = doors.action(**GOOD | {"type": "nobody"})
    call = doors.cli("run", "--name", "never", "-p", "say hello", "-t", "nobody")

    assert (2, "invalid-input", "failure") == (step.code, step.outputs["failure-reason"], step.outputs["conclusion"])
    assert 2 == call.code, call.said
    for text in (step.outputs["message"], call.err):
        assert sentence_has(text, "'nobody'", *KNOWN_AGENTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_name_is_shown_with_the_rule(doors: Doors, name: str):
    """Both doors have the same rule, and neither leaves it to a server's wording."""
    step = doors.action(**GOOD | {"name": name})
    call = doors.cli("run", "-t", "demo", "--credential-type", "none", "-p", "x", f"--name={name}")

    assert (2, "invalid-input", 2) == (step.code, step.outputs["failure-reason"], call.code), call.said
    for text in (step.outputs["message"], call.err):
        assert sentence_has(text, f"Task name '{name[:50]}", "is not a legal name", "lower case letters")


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_wrong_branch_is_refused_before_it_reaches_git(doors: Doors, branch: str):
    """Git would take some of these for options or revisions."""
    step = doors.action(**GOOD | {"branch": branch})
    call = doors.cli(
        "run", "--name", "never", "-t", "demo", "--credential-type", "none", "-p", "x", f"--branch={branch}"
    )

    shown = branch.replace("\x1b", "?")
    assert (2, "invalid-input", 2) == (step.code, step.outputs["failure-reason"], call.code), call.said
    for text in (step.outputs["message"], call.err):
        assert sentence_has(text, f"Branch '{shown}' is not a name git accepts", "check-ref-format")
        assert "\x1b" not in text


PROMPTS = [
    pytest.param(
        b"x" * (PROMPT_LIMIT_BYTES + 1), ("524289 bytes", "limit is 524288", "file of the repository"), id="size"
    ),
    pytest.param("ü".encode() * (PROMPT_LIMIT_BYTES // 2 + 1), ("524290 bytes", "limit is 524288"), id="bytes count"),
    pytest.param(b"a\0b", ("NUL character at position 1", "remove it"), id="NUL"),
    pytest.param(b"caf\xe9", ("not UTF-8",), id="Latin-1"),
    pytest.param(b" \n\t\n", ("The prompt is empty", "say what the agent shall do"), id="blank"),
    pytest.param(b"", ("The prompt is empty", "say what the agent shall do"), id="empty"),
]


@pytest.mark.parametrize(("content", "words"), PROMPTS)
def test_a_prompt_no_agent_could_be_given_stays_where_it_is(doors: Doors, content: bytes, words: tuple[str, ...]):
    """The file is somebody's work: it is neither sent nor touched."""
    file = doors.file("prompt.md", content)
    step = doors.action(**GOOD | {"prompt": "", "prompt_file": "prompt.md"})
    call = doors.cli("run", "--name", "never", "-t", "demo", "--credential-type", "none", "--prompt-file", str(file))

    assert (2, "invalid-input") == (step.code, step.outputs["failure-reason"]), step.said
    assert 2 == call.code, call.said
    for text in (step.outputs["message"], call.err):
        assert sentence_has(text, *words)
        assert len(text) < 1000
    assert content == file.read_bytes()


def test_a_missing_prompt_file_is_named(doors: Doors):
    """With the path as it was written."""
    step = doors.action(**GOOD | {"prompt": "", "prompt_file": "no/such.md"})
    call = doors.cli("run", "--name", "never", "-t", "demo", "--prompt-file", "no/such.md")

    assert (2, 2) == (step.code, call.code)
    assert sentence_has(step.outputs["message"], "'no/such.md'", "check the path")
    assert sentence_has(call.err, "'no/such.md'", "correct the path")


def test_a_prompt_file_outside_of_the_checkout_is_not_read(doors: Doors, tmp_path: Path):
    """The checkout may be a stranger's, and a link in it leads anywhere."""
    (tmp_path / "link.md").symlink_to("/etc/passwd")

    steps = [doors.action(**GOOD | {"prompt": "", "prompt_file": name}) for name in ("../../etc/passwd", "link.md")]

    assert [2, 2] == [step.code for step in steps]
    assert all(sentence_has(step.outputs["message"], "outside the workspace") for step in steps)
    assert all("root:" not in step.everything for step in steps)


BROKEN = 'apiVersion: kelos.dev/v1alpha2\nkind: Task\nspec: {prompt: "s3cr3t-words\n'


def test_broken_yaml_is_told_with_its_line(doors: Doors):
    """And never quoted: it may hold what nobody should read in a log."""
    file = doors.file("task.yaml", BROKEN)
    config = doors.file("config.yaml", "apiKey: s3cr3t-words\nenv: [\n")
    calls = {
        "The task-file 'task.yaml'": doors.action(task_file="task.yaml"),
        f"'{file}', line": doors.cli("apply", "-f", str(file)),
        "'-', line": doors.cli("apply", "-f", "-", stdin=BROKEN),
        f"Config file '{config}', line": doors.cli("--config", str(config), "run", "-p", "x", "--name", "never"),
    }

    for words, done in calls.items():
        assert 2 == done.code, done.said
        assert sentence_has(done.outputs.get("message", done.err), words)
        assert "s3cr3t-words" not in done.everything
        assert "Traceback" not in done.said
    assert BROKEN == file.read_text()


NOT_RESOURCES = [
    pytest.param("- just\n- a list\n", id="a list"),
    pytest.param("hello", id="a word"),
    pytest.param("42", id="a number"),
    pytest.param("kind: Task", id="no metadata"),
    pytest.param("apiVersion: v1\nkind: Pod\nmetadata: {name: never}\nspec: {}\n", id="another kind"),
    pytest.param("&a [*a, *a]", id="an endless alias"),
    pytest.param("{" * 5000, id="too deep"),
    pytest.param("a: !!python/object/apply:os.system [id]", id="a Python object"),
    pytest.param("\x00\x01\x02", id="binary"),
    pytest.param("", id="empty"),
    pytest.param(
        "apiVersion: kelos.dev/v1alpha2\nkind: Task\nmetadata: {name: never}\nspec: words\n", id="spec is words"
    ),
    pytest.param("apiVersion: kelos.dev/v1alpha2\nkind: Task\nmetadata: [never]\nspec: {}\n", id="metadata is a list"),
    pytest.param(
        "apiVersion: kelos.dev/v1alpha2\nkind: Task\nmetadata: {name: 7}\nspec: {prompt: x}\n", id="name is 7"
    ),
]


@pytest.mark.parametrize("content", NOT_RESOURCES)
def test_a_file_that_is_no_task_is_refused_by_name(doors: Doors, content: str):
    """Whatever is in it: one sentence with the file's name, no traceback, nothing sent."""
    file = doors.file("task.yaml", content)

    step, call = doors.action(task_file="task.yaml"), doors.cli("apply", "-f", str(file))

    assert (2, "invalid-input") == (step.code, step.outputs["failure-reason"]), step.said
    assert call.code in (2, 3), call.said
    assert call.err.startswith("Error")
    assert "Traceback" not in step.said + call.said


@pytest.mark.parametrize("kind", ["WorkerPool", "Session", "SessionSpawner", "TaskBudget"])
def test_kinds_that_are_not_supported_are_refused_in_words(doors: Doors, kind: str):
    """A manifest of the reference that needs one is never obeyed by half."""
    content = f"apiVersion: kelos.dev/v1alpha2\nkind: {kind}\nmetadata: {{name: crew}}\nspec: {{}}\n---\n"
    file = doors.file("all.yaml", content + task_file("never"))

    step, call = doors.action(task_file="all.yaml"), doors.cli("apply", "-f", str(file))

    assert (2, 2) == (step.code, call.code), step.said + call.said
    assert sentence_has(step.outputs["message"], kind, "does not support", "take it out")
    assert sentence_has(call.err, f"{kind} 'crew'", "does not support")


def test_a_worker_pool_is_refused_at_both_doors(doors: Doors):
    """By one rule, with what to write instead."""
    file = doors.file("task.json", task_file("never", workerPoolRef={"name": "crew"}))

    step, call = doors.action(task_file="task.json"), doors.cli("apply", "-f", str(file))

    assert (2, "invalid-input") == (step.code, step.outputs["failure-reason"])
    assert 3 == call.code, call.said
    for text in (step.outputs["message"], call.err):
        assert sentence_has(text, "worker", "not supported", "'type' and 'credentials'")


RESERVED = [
    pytest.param({"volumes": [{"name": "workspace", "emptyDir": {}}]}, ("volumes", "'workspace'"), id="workspace"),
    pytest.param({"volumes": [{"name": "kelos-x", "emptyDir": {}}]}, ("volumes", "'kelos-'"), id="volume prefix"),
    pytest.param({"extraContainers": [{"name": "kelos-agent"}]}, ("container names", "'kelos-'"), id="the agent"),
    pytest.param({"extraInitContainers": [{"name": "git-clone"}]}, ("container names", "'git-clone'"), id="the clone"),
]


@pytest.mark.parametrize(("overrides", "words"), RESERVED)
def test_reserved_names_in_the_pod_are_refused_on_arrival(doors: Doors, overrides, words: tuple[str, ...]):
    """Such a container would stand in for one of ours."""
    file = doors.file("task.json", task_file("never", podOverrides=overrides))

    step, call = doors.action(task_file="task.json"), doors.cli("apply", "-f", str(file))

    assert (2, "invalid-input") == (step.code, step.outputs["failure-reason"]), step.said
    assert 3 == call.code, call.said
    for text in (step.outputs["message"], call.err):
        assert sentence_has(text, "podOverrides", *words)


@pytest.mark.parametrize("kind", ["Task", "Workspace"])
def test_a_misspelt_field_is_named(doors: Doors, kind: str):
    """It would be dropped in silence otherwise, and the agent would do something else than was asked."""
    task = task_file("never", promt="say hello", branhc="feature")
    workspace = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Workspace", "metadata": {"name": "never"}}
    workspace["spec"] = {"repo": "https://example.com/a.git", "promt": True, "branhc": "x"}
    file = doors.file("one.json", task if kind == "Task" else json.dumps(workspace))
    called = [doors.cli("apply", "-f", str(file)).err]
    if kind == "Task":
        step = doors.action(task_file="one.json")
        assert (2, "invalid-input") == (step.code, step.outputs["failure-reason"]), step.said
        called.append(step.outputs["message"])

    for said in called:
        assert sentence_has(said, 'unknown field "spec.promt"', 'unknown field "spec.branhc"'), said


def test_an_unknown_agent_in_a_file_is_refused_by_the_cluster(doors: Doors):
    """For those who come with kubectl: admission is the last door."""
    call = doors.cli("apply", "-f", "-", stdin=task_file("never", type="nobody"))

    assert 3 == call.code, call.said
    assert sentence_has(call.err, "nobody", "spec.type", "claude-code")


def test_a_prompt_over_the_limit_is_refused_by_the_cluster(doors: Doors):
    """By admission, and without half a mebibyte of quotation."""
    call = doors.cli("apply", "-f", "-", stdin=task_file("never", prompt="x" * (PROMPT_LIMIT_BYTES + 1)))

    assert 3 == call.code, call.said
    assert sentence_has(call.err, "spec.prompt", "524288")
    assert len(call.err) < 5000


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"timeout": "soon"}, ("`timeout`", "'soon'", "30m")),
        ({"timeout": "-5m"}, ("`timeout`", "'-5m'", "30m")),
        ({"wait": "maybe"}, ("`wait`", "'maybe'", "true or false")),
        ({"mode": "cloud"}, ("`mode`", "'cloud'", "cluster, local")),
        ({"lease": "5s"}, ("`lease`", "30s")),
        ({"namespace": "a.b"}, ("Namespace 'a.b'", "lower case")),
        ({"namespace": "not-there"}, ("Namespace 'not-there'", "does not exist", "create it")),
        ({"prompt": ""}, ("nothing to do", "`prompt-file`")),
        ({"prompt_file": "a.md"}, ("`prompt`", "`prompt-file`", "both")),
        ({"type": "claude-code"}, ("'claude-code'", "no credentials", "'none'")),
        ({"credentials_type": "magic"}, ("'magic'", "api-key")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_an_input_that_cannot_be_obeyed_is_named(doors: Doors, inputs: dict[str, str], words: tuple[str, ...]):
    """As action.yml spells it, with what it may be."""
    step = doors.action(**GOOD | inputs)

    assert (2, "invalid-input", "failure") == (
        step.code,
        step.outputs["failure-reason"],
        step.outputs["conclusion"],
    ), step.said
    assert sentence_has(step.outputs["message"], *words)
