"""`kelos run --dry-run`: what would be created, without a cluster."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from kelos.cli.main import cli
from kelos.cli.settings import Context
from kelos.errors import UserError


def dry_run(tmp_path, *arguments: str):
    context = Context(config_path=None)
    config = tmp_path / "config.yaml"
    if not config.exists():
        config.write_text("{}\n")
    flags = ["--config", str(config), "run", "--dry-run", *arguments]
    result = CliRunner().invoke(cli, flags, obj=context, catch_exceptions=False, standalone_mode=True)
    assert 0 == result.exit_code, result.output
    return yaml.safe_load(result.output)


def refused(tmp_path, *arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        dry_run(tmp_path, *arguments)
    return str(caught.value)


def test_the_seeds_command_line_becomes_a_task(tmp_path):
    task = dry_run(
        tmp_path,
        *("-p", "Investigate the flaky test", "--workspace", "my-workspace", "--branch", "fix-flaky-test"),
        *("--base-ref", "v1"),
        *(
            "--timeout",
            "30m",
            "--start-timeout",
            "90s",
            "--secret",
            "key",
            "--name",
            "flaky",
            "--env",
            "A=1=2",
            "--depends-on",
            "x",
        ),
    )

    spec = task["spec"]
    assert ("flaky", "claude-code") == (task["metadata"]["name"], spec["type"])
    assert (1800, 90) == (spec["timeoutSeconds"], spec["startTimeoutSeconds"])
    assert {"type": "api-key", "secretRef": {"name": "key"}} == spec["credentials"]
    assert [{"name": "A", "value": "1=2"}] == spec["podOverrides"]["env"]
    assert ("fix-flaky-test", "v1") == (spec["branch"], spec["baseRef"])
    assert (["x"], {"name": "my-workspace"}) == (spec["dependsOn"], spec["workspaceRef"])


def test_a_flag_wins_over_the_config_file(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "type: codex\nmodel: small\nsecret: key\nenv: [{name: A, value: file}, {name: B, value: file}]\n"
    )

    spec = dry_run(tmp_path, "-p", "x", "--model", "big", "--env", "A=flag")["spec"]

    assert ("codex", "big") == (spec["type"], spec["model"])
    assert {"A": "flag", "B": "file"} == {entry["name"]: entry["value"] for entry in spec["podOverrides"]["env"]}


def test_a_dry_run_writes_no_secret_and_asks_no_cluster(tmp_path):
    (tmp_path / "config.yaml").write_text("apiKey: sk-secret\n")

    assert "sk-secret" not in yaml.safe_dump(dry_run(tmp_path, "-p", "x"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--credential-type", "none"], "either --prompt or --prompt-file"),
        (["-p", "x"], "has no credentials"),
        (["-p", "x", "--secret", "s", "--timeout", "soon"], "is not a duration"),
        (["-p", "x", "--secret", "s", "--env", "NOVALUE"], "must be written NAME=VALUE"),
        (["-p", "x", "--secret", "s", "--branch", "a..b"], "is not a name git accepts"),
        (["-p", "x", "--secret", "s", "--base-ref", "v1"], "is of no use without a Workspace"),
        (["-p", "x", "--secret", "s", "--name", "Bad_Name"], "is not a legal name"),
        (["--prompt-file", "/nowhere", "--secret", "s"], "does not exist"),
        (["-p", "x", "--secret", "s", "-f", "w.yaml"], "--filename belongs to --local"),
        (["-p", " ", "--secret", "s"], "prompt is empty"),
    ],
)
def test_a_wrong_call_is_one_sentence(tmp_path, arguments, sentence):
    assert sentence in refused(tmp_path, *arguments)


def test_the_prompt_may_come_from_a_file_byte_for_byte(tmp_path):
    file = tmp_path / "prompt"
    file.write_text("$(SECRET) `x` 'EOF'\n\"é\n")

    assert (
        "$(SECRET) `x` 'EOF'\n\"é\n" == dry_run(tmp_path, "--prompt-file", str(file), "--secret", "s")["spec"]["prompt"]
    )
