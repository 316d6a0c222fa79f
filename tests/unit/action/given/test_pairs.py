"""Names and values as people write them into a workflow: taken literally, refused in one sentence, never quoted."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.action.given import pairs
from kelos.action.inputs import env_name, read_inputs
from kelos.errors import UserError

PARSERS = [pairs.variables, pairs.secret_variables, pairs.resources, pairs.task_labels, pairs.task_annotations]


def read(**said: str):
    return read_inputs({env_name(name.replace("_", "-")): text for name, text in {"prompt": "x", **said}.items()})


def test_variables_are_taken_literally():
    """No quotes, no expansion: what follows the first '=' is the value."""
    text = "# a comment\nA=1\n\n  B = $HOME and `id`, 'x'=\"y\" \r\nC=\n"

    assert (("A", "1"), ("B", " $HOME and `id`, 'x'=\"y\" "), ("C", "")) == read(env=text).env


@pytest.mark.parametrize(
    "line",
    [
        *("API_KEY=x", "apiKey=x", "OPENAI_KEY=x", "DB_PASSWORD=x", "githubToken=x", "MY_SECRET=x", "MYSQL_PWD=x"),
        *("A=ghp_0123456789", "A=github_pat_1", "A=sk-ant-1", "A=AKIA123", "A=xoxb-1", "A=-----BEGIN RSA PRIVATE KEY"),
        *("A=postgres://me:pw@host/db", "A= glpat-1", "npm_config_token=x", "STRIPE_API_KEY=x", "A=redis://:pw@host"),
    ],
)
def test_a_secret_is_refused_and_not_repeated(line):
    """A Task's spec is read by everybody who may list Tasks, and an error text by even more."""
    with pytest.raises(UserError, match="looks like a secret") as refused:
        read(env=line)

    name, _, value = line.partition("=")
    assert f"sets {name}," in str(refused.value)
    assert "secret-env" in str(refused.value)
    assert len(value) == 1 or value.strip() not in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        *("MAX_OUTPUT_TOKENS=8000", "KEYBOARD=de", "TOKENIZERS_PARALLELISM=false", "PASSAGE=1", "COMPASS=n"),
        *("HTTP_PROXY=http://proxy:3128", "API_KEY=", "A=https://host/?u=x:y@z", "SKIP=sketch", "KEY_ID=7"),
    ],
)
def test_ordinary_variables_are_none(line):
    """One that is refused by mistake costs somebody an afternoon."""
    assert (tuple(line.split("=", 1)),) == read(env=line).env


def test_variables_from_secrets_name_a_key():
    """The value stays in the cluster."""
    found = read(secret_env="NPM_TOKEN=registry/token, A=my.secret/tls.key\nB=s/KEY").secret_env

    assert (("NPM_TOKEN", "registry", "token"), ("A", "my.secret", "tls.key"), ("B", "s", "KEY")) == found


def test_resources_are_request_and_limit_unless_told_apart():
    """The node keeps free what is requested; the kernel ends what goes over its limit."""
    both = {("requests", "cpu", "500m"), ("limits", "cpu", "500m")}

    assert both == set(read(resources="cpu=500m").resources)
    assert both | {("limits", "memory", "4Gi"), ("requests", "nvidia.com/gpu", "1")} == set(
        read(resources="cpu=500m limits.memory=4Gi\nrequests.nvidia.com/gpu=1").resources
    )


def test_labels_and_annotations():
    """A label is one word, an annotation may be anything on a line."""
    inputs = read(
        labels="team=blue,example.com/cost-centre=7",
        annotations="example.com/why=because, a=b\nb=",
        node_selector="kubernetes.io/arch=arm64",
    )

    assert (("team", "blue"), ("example.com/cost-centre", "7")) == inputs.labels
    assert (("example.com/why", "because, a=b"), ("b", "")) == inputs.annotations
    assert (("kubernetes.io/arch", "arm64"),) == inputs.node_selector


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"env": "A=1\nhunter2"}, "Line 2 of the input `env` has no '='"),
        ({"env": "A B=1"}, "The input `env` sets 'A B', which no shell could read"),
        ({"env": "KELOS_MODEL=m"}, "names that begin with KELOS_ are Kelos' own"),
        ({"env": "A=1\nA=2"}, "The input `env` sets 'A' twice"),
        ({"env": "A=1", "secret-env": "A=s/k"}, "The inputs `env` and `secret-env` both set A"),
        ({"secret-env": "TOKEN=hunter2"}, "does not say where TOKEN is: write TOKEN=secret/key"),
        ({"secret-env": "TOKEN=hunter2/a/b"}, "does not say where TOKEN is"),
        ({"secret-env": "hunter2"}, "Word 1 of the input `secret-env` has no value"),
        ({"secret-env": "A=S/k"}, "Secret of A 'S' is not a legal name"),
        ({"resources": "cpu=lots"}, "The input `resources` holds 'cpu=lots'"),
        ({"resources": "cpu=1,limits.cpu=2"}, "The input `resources` sets limits.cpu twice"),
        ({"node-selector": "arch="}, "Word 1 of the input `node-selector` has no value"),
        ({"labels": "team=-x"}, "The value of 'team' in the input `labels` is no label"),
        ({"labels": "-team=x"}, "The input `labels` holds the key '-team'"),
        ({"labels": "kelos.dev/taskspawner=x"}, "what belongs to kelos.dev is Kelos' own"),
        ({"annotations": "kelos.dev/client-lease=x"}, "what belongs to kelos.dev is Kelos' own"),
        ({"annotations": "a.kelos.dev/b=x"}, "what belongs to kelos.dev is Kelos' own"),
        ({"annotations": "Bad/b=x"}, "What stands before the '/' in the input `annotations`, 'Bad' is not a legal"),
        ({"retries": "6"}, "The input `retries` is '6': it must be a whole number from 0 to 5"),
        ({"retry-on": "evicted"}, "holds 'evicted': use agent-error, agent-incomplete, rate-limited, infra"),
        ({"retries": "-1"}, "The input `retries` is '-1'"),
        ({"loop-limit": "many"}, "The input `loop-limit` is 'many'"),
        ({"cleanup": "yes"}, "The input `cleanup` is 'yes': it must be one of none, on-success, always"),
        ({"cleanup": "always", "wait": "false"}, "The input `cleanup` is for a step that waits"),
        ({"transcript-path": "t", "logs": "none"}, "`logs: none` reads no log"),
        ({"transcript-path": "t", "wait": "false"}, "`transcript-path` is for a step that waits, and `wait` is false"),
        ({"require-results": "pr", "wait": "false"}, "The input `require-results` is for a step that waits"),
        ({"fail-on-no-changes": "true", "wait": "false"}, "The input `fail-on-no-changes` is for a step that waits"),
        ({"name-suffix": "Foo Bar"}, "The input `name-suffix` is 'Foo Bar': use at most 40 lower case letters"),
        ({"name": "a", "name-suffix": "b"}, "The inputs `name` and `name-suffix` are both set"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(said, sentence):
    """It names the input and what to write; of a line that is none, which may be half a key, not a word."""
    with pytest.raises(UserError) as refused:
        read(**said)

    assert sentence in str(refused.value)
    assert "hunter2" not in str(refused.value)


@given(st.sampled_from(PARSERS), st.text(st.characters(blacklist_categories=("Cs",))))
def test_whatever_is_written_is_taken_or_refused(parse, text):
    """A traceback is no sentence."""
    with suppress(UserError):
        parse(text, "it")
