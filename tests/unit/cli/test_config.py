"""~/.kelos/config.yaml is read strictly: a mistake is one sentence, a token never shows."""

from __future__ import annotations

import pytest

from kelos.cli.config import load_config, read_config
from kelos.cli.credentials import prepare
from kelos.errors import UserError


def test_a_missing_file_is_an_empty_one_unless_it_was_asked_for(tmp_path):
    missing = tmp_path / "config.yaml"

    assert "" == load_config(missing, is_required=False).api_key
    with pytest.raises(UserError, match="does not exist"):
        load_config(missing, is_required=True)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"apiKey": "a", "oauthToken": "b"}, "sets both 'oauthToken' and 'apiKey'"),
        ({"modle": "x"}, "unknown key 'modle'"),
        ([], "must map keys to values"),
        ({"workspace": {"token": "t", "githubApp": {}}}, "sets both 'workspace.token' and 'workspace.githubApp'"),
        ({"workspace": {"githubApp": {"appID": "1"}}}, "lacks 'workspace.githubApp.installationID'"),
        ({"env": [{"name": "1x", "value": "a"}]}, "no legal 'name'"),
        ({"env": [{"name": "X"}]}, "either 'value' or 'valueFrom'"),
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s"}}}]}, "with 'name' and 'key'"),
        ({"env": [{"name": "PORT", "value": 3128}]}, "value of env 'PORT' must be a text; quote it"),
        ({"model": {"a": 1}}, "'model' must be a text"),
    ],
)
def test_a_mistake_is_named(document, sentence):
    with pytest.raises(UserError, match=sentence):
        read_config(document, "config.yaml")


def test_broken_yaml_names_the_file_and_the_line(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("model: x\n  bad: [")

    with pytest.raises(UserError, match=r"config\.yaml', line 2 is not YAML"):
        load_config(file, is_required=True)


def test_tokens_never_show_in_a_repr():
    """A config may end up in a traceback."""
    config = read_config({"apiKey": "sk-secret", "workspace": {"repo": "https://x/y/z", "token": "sk-git"}}, "c")

    assert "sk-" not in repr(config)


class TestPrepare:
    """What the file's tokens become in the cluster."""

    def prepared(self, document: dict[str, object], **flags: str):
        defaults = {"agent_type": "claude-code", "secret": "", "credential_type": "", "workspace": "", "namespace": "n"}
        return prepare(read_config(document, "c"), **{**defaults, **flags})

    def test_a_key_becomes_the_secret_of_the_agents_variable(self):
        found = self.prepared({"apiKey": "sk-1"})
        ((_, secret),) = found.manifests

        assert ("api-key", "kelos-credentials") == (found.credentials_type, found.credentials_secret)
        assert ["ANTHROPIC_API_KEY"] == list(secret["data"])

    def test_a_flag_wins_over_the_file(self):
        found = self.prepared({"apiKey": "sk-1"}, secret="mine")

        assert ("api-key", "mine", ()) == (found.credentials_type, found.credentials_secret, found.manifests)

    def test_the_files_secret_wins_over_its_token(self):
        found = self.prepared({"oauthToken": "t", "secret": "mine", "credentialType": "oauth"})

        assert ("oauth", "mine", ()) == (found.credentials_type, found.credentials_secret, found.manifests)

    def test_a_repository_becomes_a_workspace_with_its_token(self):
        found = self.prepared({"workspace": {"repo": "https://github.com/a/b", "token": "t"}}, credential_type="none")

        assert ["Secret", "Workspace"] == [manifest["kind"] for _, manifest in found.manifests]
        assert "kelos-workspace" == found.workspace

    def test_an_agent_that_signs_in_nowhere_needs_no_token(self):
        """The same config file serves for trying things out with the demo agent."""
        found = self.prepared({"secret": "mine", "credentialType": "oauth"}, agent_type="demo")

        assert ("none", "", ()) == (found.credentials_type, found.credentials_secret, found.manifests)

    def test_none_is_an_empty_token(self):
        """Free tiers want the variable, and nothing in it."""
        ((_, secret),) = self.prepared({"apiKey": "none"}, agent_type="opencode").manifests

        assert {"OPENCODE_API_KEY": ""} == secret["data"]

    def test_a_token_may_be_in_a_file(self, tmp_path):
        file = tmp_path / "token"
        file.write_text("sk-1\n")
        found = self.prepared({"apiKey": f"@{file}"})
        ((_, secret),) = found.manifests

        assert {"ANTHROPIC_API_KEY": "c2stMQ=="} == secret["data"]
