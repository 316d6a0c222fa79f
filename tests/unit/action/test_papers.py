"""`action.yml` and the example workflows say what the code does; each of them is checked against it."""

import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import yaml

from kelos.action import reference
from kelos.action.api.kubeconfig import EXEC_VERSIONS
from kelos.action.api.proxy import PORTS
from kelos.action.conclusion import Conclusion
from kelos.action.inputs import ActionInputs, env_name, read_inputs
from kelos.action.outputs import OUTPUTS
from kelos.action.trust.context import LIMIT_BYTES
from kelos.action.trust.rules import TRUSTED_EVENTS, WRITERS_EVENTS
from kelos.api.manifest import AGENT_TYPES, CREDENTIALS_TYPES
from kelos.api.reasons import ClientReason
from kelos.api.worker import AgentType, CredentialsType

ROOT = Path(__file__).parents[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
EXAMPLES = sorted((ROOT / "workflows-examples").glob("*.yaml"))


def steps_of(workflow) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_every_input_has_a_field_and_every_field_an_input():
    """An input that nobody reads is a promise broken in silence."""
    assert {field.name.replace("_", "-") for field in fields(ActionInputs)} == set(ACTION["inputs"])


def test_every_input_is_handed_on_by_the_step():
    """Composite actions get no INPUT_ variables by themselves."""
    env = STEPS["Run the Task"]["env"]

    assert {env_name(name): f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]} == {
        key: value for key, value in env.items() if key.startswith("KELOS_INPUT_")
    }


def test_the_defaults_of_the_paper_are_those_of_the_code():
    """What people read is what they get."""
    said = {env_name(name): str(one.get("default", "")) for name, one in ACTION["inputs"].items()}

    inputs = read_inputs({**said, "KELOS_INPUT_PROMPT": "x"})

    differing = [
        field.name
        for field in fields(ActionInputs)
        if field.name not in ("prompt", "github_token")
        and field.default is not MISSING
        and getattr(inputs, field.name) != field.default
    ]
    assert [] == differing


def test_every_output_is_written_and_every_written_one_declared():
    """Composite outputs that are not mapped are lost."""
    assert set(OUTPUTS) == set(ACTION["outputs"])
    for name, one in ACTION["outputs"].items():
        assert f"steps.run.outputs.{name}" in one["value"].replace("||", " ").split()


def test_everything_is_described():
    """The Marketplace shows these words."""
    for table in ("inputs", "outputs"):
        assert all(len(one["description"]) > 5 for one in ACTION[table].values())
    assert {"name", "description", "author", "branding", "inputs", "outputs", "runs"} == set(ACTION)


@pytest.mark.parametrize("path", [ROOT / "action.yml", *EXAMPLES], ids=lambda path: path.name)
def test_no_expression_is_inside_a_script(path):
    """An expression in `run:` is pasted into the shell before it parses the line."""
    document = yaml.safe_load(path.read_text())
    steps = document["runs"]["steps"] if "runs" in document else steps_of(document)

    assert [] == [step["name"] for step in steps if "${{" in step.get("run", "")]


def test_python_takes_the_place_of_the_shell():
    """The runner signals the entry process only, and a shell does not pass that on."""
    for name in ("Run the Task", "End what a stopped step left behind"):
        assert STEPS[name]["run"].startswith('exec "$PYTHON" -I ')
        assert 1 == len(STEPS[name]["run"].strip().splitlines())


def test_the_action_uses_no_other_action():
    """Nothing to pin, nothing that changes the caller's environment."""
    assert [] == [step["name"] for step in ACTION["runs"]["steps"] if "uses" in step]


def test_the_reaper_runs_whatever_happened():
    """Composite actions have no post step."""
    assert STEPS["End what a stopped step left behind"] == ACTION["runs"]["steps"][-1]
    assert STEPS["End what a stopped step left behind"]["if"].startswith("always()")


def test_the_page_tells_of_every_input_output_and_ending():
    """It is what people read; `make check` keeps it fresh."""
    ((_, page),) = reference.pages()

    assert [] == [name for table in ("inputs", "outputs") for name in ACTION[table] if f"| `{name}` | " not in page]
    assert [] == [word for word in Conclusion if f"| `{word.value}` | " not in page]
    assert [] == [word for word in ClientReason if f"`{word.value}`" not in page]
    assert "| `lease` | How long the cluster lets the Task run" in page
    assert "| `timed-out` | 1 | `deadline-exceeded`, `start-timeout`, `wait-timeout` |" in page
    assert "| `failure` | 2 | `invalid-input` |" in page


def test_zizmor_finds_nothing():
    """The auditor of workflows knows the classes of injection that people forget."""
    program = Path(sys.executable).with_name("zizmor")

    done = subprocess.run(
        [program, "--offline", "--no-progress", "--format", "plain", ROOT / "action.yml", *EXAMPLES],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr


def test_the_types_are_those_of_the_api():
    """The list exists twice because one side may use the standard library only."""
    assert {one.value for one in AgentType} - {""} == set(AGENT_TYPES)
    assert {one.value for one in CredentialsType} == set(CREDENTIALS_TYPES)


def test_the_wheel_for_yaml_is_pinned_to_the_version_we_test():
    """One release, every wheel of it by its hash."""
    text = (ROOT / "requirements/action-yaml.txt").read_text()
    (version,) = re.findall(r"^pyyaml==(\S+)", text, re.MULTILINE)

    assert f"pyyaml=={version} " in (ROOT / "requirements/kelos.txt").read_text()
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) > 10


def test_the_guides_name_what_the_code_knows():
    """An event or a way of signing in that is missing there is one that nobody can rely on."""
    trust, sign_in = ((ROOT / "docs" / name).read_text() for name in ("trust.md", "sign-in.md"))
    gate = ("required-permission", "allowed-bots", "on-untrusted", "allow-pull-request-target", "github-token")
    rest = ("loop-limit", "context", "context-file", f"{LIMIT_BYTES // 1024} KiB")

    for word in (*TRUSTED_EVENTS, *WRITERS_EVENTS, *gate, *rest):
        assert word in trust
    for word in ("server", "ca", "oidc-audience", *(version.rpartition("/")[2] for version in EXEC_VERSIONS), *PORTS):
        assert word.removesuffix("5h") in sign_in
