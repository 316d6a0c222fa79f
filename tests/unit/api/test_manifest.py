"""One builder makes every Task manifest, so that CLI, Action and spawners cannot disagree."""

import json

import pytest
import yaml

from kelos.api.kinds import Manifest
from kelos.api.manifest import (
    TaskRequest,
    build_task,
    spec_hash,
    task_name,
)
from kelos.api.names import ANNOTATION_SPEC_HASH, ANNOTATION_TRIGGERED_BY
from kelos.api.pod_request import PodRequest
from kelos.api.reasons import Retriable
from kelos.errors import UserError


def request(**said: object) -> TaskRequest:
    """The smallest request that is accepted, with what the test is about laid over it."""
    return TaskRequest(**{"prompt": "Fix the bug", "name": "fix-bug", "credentials_secret": "claude", **said})  # type: ignore[arg-type]


def base(spec: Manifest, **metadata: object) -> Manifest:
    return {"apiVersion": "kelos.dev/v1alpha1", "kind": "Task", "metadata": metadata, "spec": spec}


AN_ENV = PodRequest(env=(("A", "b"),))
FULL = base(
    {
        "type": "codex",
        "prompt": "From the file",
        "credentials": {"type": "oauth", "secretRef": {"name": "codex"}},
        "model": "m1",
        "podOverrides": {"env": [{"name": "A", "value": "1"}], "nodeSelector": {"disk": "ssd"}},
    },
    name="from-file",
    labels={"team": "blue"},
)


def test_a_prompt_and_a_secret_are_enough():
    """The shortest call works; everything left unsaid stays out of the manifest, so the server's defaults count."""
    task = build_task(request())

    assert {
        "type": "claude-code",
        "prompt": "Fix the bug",
        "credentials": {"type": "api-key", "secretRef": {"name": "claude"}},
    } == task["spec"]


def test_every_wish_has_its_field():
    """Nothing that was asked for is dropped on the way."""
    task = build_task(
        request(
            namespace="ci",
            agent_type="codex",
            credentials_type="oauth",
            model="m",
            effort="high",
            image="ghcr.io/x/y:1",
            workspace="repo",
            agent_configs=("a", "b"),
            depends_on=("scaffold",),
            branch="fix/1",
            base_ref="v1.2",
            upstream_repo="o/r",
            pod=PodRequest(env=(("LEVEL", "3"),)),
            timeout_seconds=90,
            start_timeout_seconds=60,
            retries=2,
            retry_on=(Retriable.RATE_LIMITED,),
            ttl_seconds=0,
            labels={"team": "blue"},
            triggered_by="{}",
        )
    )

    assert {
        "type": "codex",
        "prompt": "Fix the bug",
        "credentials": {"type": "oauth", "secretRef": {"name": "claude"}},
        "model": "m",
        "effort": "high",
        "image": "ghcr.io/x/y:1",
        "workspaceRef": {"name": "repo"},
        "agentConfigRefs": [{"name": "a"}, {"name": "b"}],
        "dependsOn": ["scaffold"],
        "branch": "fix/1",
        "baseRef": "v1.2",
        "upstreamRepo": "o/r",
        "podOverrides": {"env": [{"name": "LEVEL", "value": "3"}]},
        "timeoutSeconds": 90,
        "startTimeoutSeconds": 60,
        "retries": 2,
        "retryOn": ["RateLimited"],
        "ttlSecondsAfterFinished": 0,
    } == task["spec"]
    assert ("ci", {"team": "blue"}) == (task["metadata"]["namespace"], task["metadata"]["labels"])
    assert "{}" == task["metadata"]["annotations"][ANNOTATION_TRIGGERED_BY]


def test_the_manifest_carries_the_hash_of_its_spec():
    """A second submitter recognises an equal request by it."""
    task = build_task(request())

    assert spec_hash(task["spec"]) == task["metadata"]["annotations"][ANNOTATION_SPEC_HASH]


def test_the_order_of_keys_does_not_change_the_hash():
    """The server may return the spec in another order."""
    assert spec_hash({"a": 1, "b": {"c": 2, "d": 3}}) == spec_hash({"b": {"d": 3, "c": 2}, "a": 1})


def test_what_is_said_is_laid_over_the_file_field_by_field():
    """A file is a starting point: a named model replaces its model and nothing else."""
    task = build_task(TaskRequest(base=FULL, model="m2", pod=PodRequest(env=(("B", "2"),))))

    assert ("codex", "m2", "From the file") == tuple(task["spec"][key] for key in ("type", "model", "prompt"))
    assert {
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "nodeSelector": {"disk": "ssd"},
    } == task["spec"]["podOverrides"]
    assert ("from-file", "kelos.dev/v1alpha2") == (task["metadata"]["name"], task["apiVersion"])


def test_a_file_with_a_worker_is_changed_inside_its_worker():
    """`worker.<field>` wins over the flat field, so an override beside it would be ignored."""
    worker = {"type": "codex", "credentials": {"type": "none"}, "model": "m1"}

    task = build_task(TaskRequest(name="t", model="m2", base=base({"prompt": "p", "worker": worker})))

    assert {"prompt": "p", "worker": {**worker, "model": "m2"}} == task["spec"]


def test_the_file_itself_is_left_alone():
    """Manifests are values: building one changes no other."""
    before = json.dumps(FULL)

    build_task(TaskRequest(base=FULL, name="other", model="m2", pod=PodRequest(env=(("A", "2"),))))

    assert before == json.dumps(FULL)


@pytest.mark.parametrize(
    "prompt",
    [
        "$(curl evil) `id` ${HOME}",
        "one\nEOF\nrm -rf /",
        'x"\n  image: evil\n  podOverrides: {}',
        '"login" bug: $HOME',
        "\x1b[31mred\x1b[0m",
        "::error::x\n##[error]y",
    ],
)
def test_a_prompt_is_data_whatever_it_holds(prompt):
    """Text from people becomes one string of the manifest, unchanged, in JSON as in YAML."""
    task = build_task(request(prompt=prompt))

    assert prompt == json.loads(json.dumps(task))["spec"]["prompt"]
    assert prompt == yaml.safe_load(yaml.safe_dump(task))["spec"]["prompt"]
    assert {"type", "prompt", "credentials"} == set(task["spec"])


def test_the_demo_agent_needs_no_credentials():
    """It talks to nobody."""
    task = build_task(TaskRequest(prompt="write a", name="t", agent_type="demo"))

    assert {"type": "none"} == task["spec"]["credentials"]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"prompt": ""}, "The prompt is empty"),
        ({"prompt": " \n"}, "The prompt is empty"),
        ({"prompt": "a\x00b"}, "NUL character at position 1"),
        ({"prompt": "\ud800"}, "not valid Unicode at position 0"),
        ({"prompt": "x" * (512 * 1024 + 1)}, "has 524289 bytes, the limit is 524288"),
        ({"agent_type": "clippy"}, "Agent type 'clippy' is not known: use claude-code, codex"),
        ({"credentials_type": "magic"}, "Credentials type 'magic' is not known"),
        ({"credentials_type": "none"}, "Secret 'claude' is given with credentials type 'none'"),
        ({"credentials_secret": "", "credentials_type": "oauth"}, "'oauth' needs a Secret"),
        ({"credentials_secret": ""}, "Agent 'claude-code' has no credentials"),
        ({"credentials_secret": "A_B"}, "Credentials Secret 'A_B' is not a legal name"),
        ({"name": "Fix_Bug"}, "Task name 'Fix_Bug' is not a legal name"),
        ({"name": "x" * 254}, "is not a legal name"),
        ({"name": ""}, "The Task has no name"),
        ({"namespace": "a.b"}, "Namespace 'a.b' is not a legal name"),
        ({"workspace": "../etc"}, "Workspace '../etc' is not a legal name"),
        ({"agent_configs": ("ok", "No")}, "AgentConfig 'No' is not a legal name"),
        ({"depends_on": ("a b",)}, "Dependency 'a b' is not a legal name"),
        ({"branch": "-x"}, "Branch '-x' is not a name git accepts"),
        ({"branch": "a..b"}, "Branch 'a..b'"),
        ({"branch": "a\nb"}, "Branch 'a?b'"),
        ({"base_ref": "main~1", "workspace": "repo"}, "Base ref 'main~1' is not a name git accepts"),
        ({"base_ref": "v1"}, "Base ref 'v1' is of no use without a Workspace: name one"),
        ({"timeout_seconds": 0}, "The timeout is 0"),
        ({"ttl_seconds": -1}, "The time to live is -1"),
        ({"pod": PodRequest(env=(("A B", "x"),))}, "Environment variable 'A B' is not a legal name"),
        ({"pod": PodRequest(env=(("A", "\x00"),))}, "Environment variable 'A' holds a NUL character"),
        ({"base": {"kind": "Pod", "apiVersion": "v1"}}, "is a 'v1 Pod', not a Task"),
        ({"base": base([])}, "The Task has no name"),
        ({"base": base("text")}, "'spec' is not a mapping"),
        ({"base": base({"worker": "x"})}, "'spec.worker' is not a mapping"),
        ({"base": base({"credentials": "x"})}, "'credentials' is not a mapping"),
        (
            {"base": base({"credentials": {"secretRef": "x"}}), "credentials_secret": ""},
            "'credentials.secretRef' is not a mapping",
        ),
        ({"base": base({"podOverrides": []}), "pod": AN_ENV}, "'podOverrides' is not a mapping"),
        (
            {"base": base({"podOverrides": {"env": ["A"]}}), "pod": AN_ENV},
            "'podOverrides.env' is not a list",
        ),
        ({"agent_type": "clippy", "credentials_secret": ""}, "Agent type 'clippy' is not known"),
        ({"base": base({"workerPoolRef": {"name": "p"}})}, "worker pool, which is not supported"),
        ({"base": base({}, labels={"a": 1})}, "'metadata.labels' must map words to strings"),
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(said, sentence):
    """The sentence names the setting and what is allowed; nothing reaches the cluster."""
    asked = request(**said) if "The Task has no name" not in sentence or "base" not in said else TaskRequest(**said)

    with pytest.raises(UserError, match=r".+") as refused:
        build_task(asked)

    assert sentence in str(refused.value)


def test_a_prompt_of_exactly_the_limit_passes():
    """The limit is the last size that works."""
    assert 512 * 1024 == len(build_task(request(prompt="x" * 512 * 1024))["spec"]["prompt"])


def test_every_leg_attempt_and_run_has_a_name_of_its_own():
    """D6: a re-run or a matrix leg must never read the result of another."""
    names = {
        task_name(repository=repository, run_id=run, attempt=attempt, leg=leg)
        for repository in ("o/a", "o/b")
        for run in ("1", "2")
        for attempt in ("1", "2")
        for leg in ("test-0", "test-1")
    }

    assert 16 == len(names)


def test_the_same_submission_has_the_same_name():
    """A retried POST finds its own Task."""
    said = {"repository": "o/a", "run_id": "16", "attempt": "2", "leg": "x"}

    assert task_name(**said) == task_name(**said)
    assert task_name(**said).startswith("gha-")
    assert "-16-2-" in task_name(**said)


def test_a_name_is_legal_and_leaves_room_whatever_the_run_is_called():
    """Jobs and pods append to it."""
    name = task_name(repository="Ö/ß", run_id="9" * 80, attempt="A b", leg="")

    assert 52 >= len(name)
    assert name == build_task(request(name=name))["metadata"]["name"]
