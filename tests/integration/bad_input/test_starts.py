"""Tasks that cannot start: each waits with its reason, gives up in its time, and stays there with its status.

All of them run beside each other through the Action; each has a branch that it never gets to push.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from fakes.git_server import git
from kelos.api.kinds import AGENT_CONFIG, EVENT, JOB, TASK
from kelos.api.reasons import Phase, Reason
from realcluster.waiting import wait_for

from .doors import Done, all_at_once, sentence_has
from .plane import GIT_TOKEN, WRONG_TOKEN, Plane, submit

PROGRAM = "write A: b\ncommit Add\npush"
BRANCH = "never-pushed"
HOPE_SECONDS = 8
"""Of those that never start. Long enough to be looked at, and seen by the step, on a slow machine, too."""
GAVE_UP = f"gave up after {HOPE_SECONDS} seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A Task, and what is wrong with it. `waited` says that it hoped for something to come."""

    reason: Reason
    words: tuple[str, ...]
    spec: dict[str, Any] = field(default_factory=dict)
    prompt: str = PROGRAM
    waited: bool = False
    event: str = "TaskFailed"

    @property
    def patience_seconds(self) -> int:
        """Its time to start; short where it only ends because that is over."""
        return HOPE_SECONDS if self.waited or self.reason is Reason.IMAGE_PULL else 60


def with_workspace(name: str) -> dict[str, Any]:
    return {"workspaceRef": {"name": name}, "branch": BRANCH}


def with_secret(name: str) -> dict[str, Any]:
    return {"type": "codex", "credentials": {"type": "api-key", "secretRef": {"name": name}}}


def mounting(name: str) -> dict[str, Any]:
    return {"podOverrides": {"volumeMounts": [{"name": name, "mountPath": "/x"}]}}


CASES = {
    "workspace-missing": Case(
        reason=Reason.WORKSPACE_MISSING,
        words=("Workspace 'nowhere'", "does not exist in namespace 'default'", "create it", GAVE_UP),
        spec=with_workspace("nowhere"),
        waited=True,
    ),
    "agent-config-missing": Case(
        reason=Reason.AGENT_CONFIG_MISSING,
        words=("AgentConfig 'unwritten'", "does not exist", "create it", GAVE_UP),
        spec={"agentConfigRefs": [{"name": "unwritten"}]},
        waited=True,
    ),
    "dependency-missing": Case(
        reason=Reason.DEPENDENCY_MISSING,
        words=("Task 'nobody'", "to be created", "create it, or correct dependsOn", GAVE_UP),
        spec={"dependsOn": ["nobody"]},
        waited=True,
    ),
    "secret-missing": Case(
        reason=Reason.SECRET_MISSING,
        words=("Secret 'lost' (agent credentials)", "does not exist in namespace 'default'", "create it"),
        spec=with_secret("lost"),
        waited=True,
    ),
    "secret-without-key": Case(
        reason=Reason.SECRET_MISSING,
        words=("Secret 'keyless' (agent credentials)", "no key 'CODEX_API_KEY'", "add it"),
        spec=with_secret("keyless"),
        waited=True,
    ),
    "git-secret-missing": Case(
        reason=Reason.SECRET_MISSING,
        words=("Secret 'lost' (git token of Workspace 'secret-lost')", "does not exist", "create it"),
        spec=with_workspace("secret-lost"),
        waited=True,
    ),
    "git-secret-without-key": Case(
        reason=Reason.SECRET_MISSING,
        words=("Secret 'keyless' (git token of Workspace 'secret-keyless')", "no key 'GITHUB_TOKEN'", "add it"),
        spec=with_workspace("secret-keyless"),
        waited=True,
    ),
    "app-key-broken": Case(
        reason=Reason.TOKEN_UNAVAILABLE,
        words=("Workspace 'secret-app': Secret 'app' gives no GitHub token", "its key 'privateKey' is no private key"),
        spec=with_workspace("secret-app"),
        waited=True,
    ),
    "app-key-missing": Case(
        reason=Reason.SECRET_MISSING,
        words=("Secret 'half-app' (git token of Workspace 'secret-half-app')", "has no key 'privateKey'; add it"),
        spec=with_workspace("secret-half-app"),
        waited=True,
    ),
    "server-down": Case(
        reason=Reason.CLONE_FAILED,
        words=("Repository 'http://127.0.0.1:9/shop.git'", "cannot be reached", "check the Workspace's repo"),
        spec=with_workspace("down"),
    ),
    "host-unknown": Case(
        reason=Reason.CLONE_FAILED,
        words=("Repository 'http://no-such-host.invalid/shop.git'", "cannot be reached", "check the Workspace's repo"),
        spec=with_workspace("unknown-host"),
    ),
    "repository-missing": Case(
        reason=Reason.CLONE_FAILED,
        words=("nothing.git'", "was not found", "check the Workspace's repo"),
        spec=with_workspace("nothing"),
    ),
    "token-needed": Case(
        reason=Reason.CLONE_FAILED,
        words=("vault.git'", "refused the credentials", "check the Secret"),
        spec=with_workspace("vault-without-token"),
    ),
    "token-wrong": Case(
        reason=Reason.CLONE_FAILED,
        words=("vault.git'", "refused the credentials", "check the Secret"),
        spec=with_workspace("vault-with-wrong-token"),
    ),
    "password-in-the-address": Case(
        reason=Reason.INVALID_SPEC,
        words=("Workspace 'vault-with-password'", "must not hold a password", "put it into a Secret"),
        spec=with_workspace("vault-with-password"),
    ),
    "ref-missing": Case(
        reason=Reason.CLONE_FAILED,
        words=("shop.git'", "has no ref 'release/9'", "set the Workspace's ref"),
        spec=with_workspace("no-such-ref"),
    ),
    "commit-missing": Case(
        reason=Reason.CLONE_FAILED,
        words=("shop.git'", f"has no ref '{'d' * 40}'", "set the Workspace's ref"),
        spec=with_workspace("no-such-commit"),
    ),
    "setup-fails": Case(
        reason=Reason.SETUP_FAILED,
        words=("setupCommand 'sh'", "exit code 7", "its output is in the log"),
        spec=with_workspace("setup-fails"),
    ),
    "setup-not-found": Case(
        reason=Reason.SETUP_FAILED,
        words=("setupCommand 'no-such-program'", "exit code 127"),
        spec=with_workspace("setup-not-found"),
    ),
    "depends-on-itself": Case(
        reason=Reason.DEPENDENCY_CYCLE,
        words=("circle", "depends-on-itself → depends-on-itself"),
        spec={"dependsOn": ["depends-on-itself"]},
        event="DependencyFailed",
    ),
    "circle-a": Case(
        reason=Reason.DEPENDENCY_CYCLE,
        words=("circle", "circle-a → circle-b → circle-a"),
        spec={"dependsOn": ["circle-b"]},
        event="DependencyFailed",
    ),
    "circle-b": Case(
        reason=Reason.DEPENDENCY_CYCLE,
        words=("circle", "circle-b → circle-a → circle-b"),
        spec={"dependsOn": ["circle-a"]},
        event="DependencyFailed",
    ),
    "after-a-failure": Case(
        reason=Reason.DEPENDENCY_FAILED,
        words=("Dependency Task 'broken-first' failed",),
        spec={"dependsOn": ["broken-first"]},
        event="DependencyFailed",
    ),
    "broken-first": Case(reason=Reason.AGENT_ERROR, words=("demo failed", "no luck"), prompt="fail no luck"),
    "mount-of-nothing": Case(
        reason=Reason.INVALID_SPEC,
        words=("The API server refused the Job", "volumeMounts", "nothing-like-it"),
        spec=mounting("nothing-like-it"),
        event="JobBuildFailed",
    ),
    "more-than-the-limit": Case(
        reason=Reason.INVALID_SPEC,
        words=("The API server refused the Job", "resources", "less than or equal to cpu limit"),
        spec={"podOverrides": {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}},
        event="JobBuildFailed",
    ),
    "no-quantity": Case(
        reason=Reason.INVALID_SPEC,
        words=("The API server refused the Job", "resources", "lots", "quantit"),
        spec={"podOverrides": {"resources": {"limits": {"memory": "lots"}}}},
        event="JobBuildFailed",
    ),
    "shapeless-limits": Case(
        reason=Reason.INVALID_SPEC,
        words=("The API server refused the Job",),
        spec={"podOverrides": {"resources": {"limits": "all"}}},
        event="JobBuildFailed",
    ),
    "shapeless-volume": Case(
        reason=Reason.INVALID_SPEC,
        words=("The API server refused the Job",),
        spec={"podOverrides": {"volumes": [{"name": "a", "emptyDir": []}]}},
        event="JobBuildFailed",
    ),
    "container-without-image": Case(
        reason=Reason.INVALID_SPEC,
        words=("The API server refused the Job", "spec.podOverrides.extraContainers[0].image", "Required"),
        spec={"podOverrides": {"extraContainers": [{"name": "database"}]}},
        event="JobBuildFailed",
    ),
    "program-missing": Case(
        reason=Reason.INVALID_SPEC,
        words=("no program 'codex'", "use an image for agent type 'codex'"),
        spec=with_secret("codex-key"),
    ),
    "image-unknown": Case(
        reason=Reason.IMAGE_PULL,
        words=("no-such-registry.invalid/agent:1", GAVE_UP),
        spec={"image": "no-such-registry.invalid/agent:1"},
    ),
    "strict-and-broken": Case(
        reason=Reason.INVALID_SPEC,
        words=("The prompt of Task 'strict-and-broken' cannot be rendered", "line 1, column 9"),
        spec={"dependsOn": ["good-first"], "strictTemplate": True},
        prompt="{{ .Deps.",
        event="JobBuildFailed",
    ),
    "strict-and-missing": Case(
        reason=Reason.INVALID_SPEC,
        words=("The prompt of Task 'strict-and-missing' cannot be rendered", "nobody"),
        spec={"dependsOn": ["good-first"], "strictTemplate": True},
        prompt="say {{ .Deps.nobody.Outputs.x }}",
        event="JobBuildFailed",
    ),
    "rendered-too-long": Case(
        reason=Reason.INVALID_SPEC,
        words=("The prompt has", "limit is 524288"),
        spec={"dependsOn": ["good-first"]},
        prompt='{{ printf "%0600000d" 1 }}',
        event="JobBuildFailed",
    ),
}


@pytest.fixture(scope="module")
def ended(plane: Plane) -> dict[str, Done]:
    """Every case, followed by the Action to its end."""
    fill(plane)
    calls = {
        name: partial(submit, plane, name, prompt=case.prompt, startTimeoutSeconds=case.patience_seconds, **case.spec)
        for name, case in CASES.items()
    }
    return all_at_once(calls | {"good-first": partial(submit, plane, "good-first")})


def fill(plane: Plane) -> None:
    """What a platform team would have set up, well or badly."""
    vault = plane.locked.url("vault")
    plane.secret("keyless", OTHER="x")
    plane.secret("app", appID="1", installationID="2", privateKey="3")
    plane.secret("half-app", appID="1", installationID="2")
    plane.secret("wrong-token", GITHUB_TOKEN=WRONG_TOKEN)
    plane.secret("codex-key", CODEX_API_KEY=GIT_TOKEN)
    plane.workspace("secret-lost", secretRef={"name": "lost"})
    plane.workspace("secret-keyless", secretRef={"name": "keyless"})
    plane.workspace("secret-app", secretRef={"name": "app"})
    plane.workspace("secret-half-app", secretRef={"name": "half-app"})
    plane.workspace("down", repo="http://127.0.0.1:9/shop.git")
    plane.workspace("unknown-host", repo="http://no-such-host.invalid/shop.git")
    plane.workspace("nothing", repo=plane.repositories.url("nothing"))
    plane.workspace("vault-without-token", repo=vault)
    plane.workspace("vault-with-wrong-token", repo=vault, secretRef={"name": "wrong-token"})
    plane.workspace("vault-with-password", repo=vault.replace("//", "//ann:password-in-address@"))
    plane.workspace("no-such-ref", ref="release/9")
    plane.workspace("no-such-commit", ref="d" * 40)
    plane.workspace("setup-fails", setupCommand=["sh", "-c", "echo no compiler; exit 7"])
    plane.workspace("setup-not-found", setupCommand=["no-such-program"])
    assert plane.find(AGENT_CONFIG, "unwritten") is None


@pytest.mark.parametrize("name", CASES)
def test_the_step_ends_with_reason_sentence_and_exit_code(ended: dict[str, Done], name: str):
    """What a workflow branches on, and what a person reads."""
    case, step = CASES[name], ended[name]

    assert (1, "failure", case.reason.kebab) == (
        step.code,
        step.outputs["conclusion"],
        step.outputs["failure-reason"],
    ), step.said
    assert sentence_has(step.outputs["message"], *case.words)
    assert sentence_has(step.out, "::error title=Kelos::")
    assert sentence_has(step.summary, case.reason.kebab)
    assert "Traceback" not in step.out


@pytest.mark.parametrize("name", CASES)
def test_the_task_stays_with_what_became_of_it(plane: Plane, ended: dict[str, Done], name: str):
    """Nothing is lost: its prompt is there to be submitted again, its status says why it ended."""
    case, task = CASES[name], plane.task(name)
    status = task["status"]

    assert case.prompt == task["spec"]["prompt"]
    assert (Phase.FAILED.value, case.reason.value) == (status["phase"], status["reason"]), status
    assert sentence_has(status["message"], *case.words)
    assert case.reason.value == status["diagnosis"]["reason"]
    (condition,) = [one for one in status["conditions"] if one["type"] == "Succeeded"]
    assert ("False", case.reason.value) == (condition["status"], condition["reason"])
    wait_for(f"event {case.event}", lambda: case.event in {event["reason"] for event in plane.events(name)})


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.waited])
def test_waiting_is_told_with_its_reason_meanwhile(plane: Plane, ended: dict[str, Done], name: str):
    """Ten minutes of silence would be ten minutes lost; no Job was made for it."""
    case = CASES[name]

    assert sentence_has(ended[name].out, f"Task '{name}' Waiting: ", *case.words[:1])
    assert plane.find(JOB, name) is None
    assert "jobName" not in plane.status(name)


def test_the_repository_is_as_it_was(plane: Plane, ended: dict[str, Done]):
    """A Task that did not run pushed nothing."""
    assert "main" == git("for-each-ref", "--format=%(refname:short)", cwd=plane.repositories.bare("shop"))
    assert "2" == git("rev-list", "--count", "main", cwd=plane.repositories.bare("shop"))


def test_no_value_of_a_secret_shows(plane: Plane, ended: dict[str, Done]):
    """Not in a step's log, outputs or summary, not in the cluster, not in the plane's log."""
    steps_said = "\n".join(step.everything for step in ended.values())

    for value in (GIT_TOKEN, WRONG_TOKEN):
        assert value not in plane.everything_said() + steps_said
    assert "password-in-address" not in plane.log + plane.texts(TASK, EVENT) + steps_said
