"""Tasks that work in a repository behind a token: what they push, what they leave, and what nobody gets to see.

All of it twice: the second time the controller is killed in the middle of every Task.
"""

from __future__ import annotations

import json
from base64 import b64encode
from secrets import token_hex

import pytest

from kelos.api import names

from .installation import SYSTEM, Installation
from .leftovers import assert_left
from .servers.git import SECRET, TOKEN, GitHost, token_secret, workspace

BRANCH = "kelos/notes"
PUSH = "write NOTES.md: hello\ncommit Add notes\npush\nsay pushed"
WRONG_TOKEN = "tok-that-is-wrong"
# A pod's log lines, its events, and every object the token could have got into.
KINDS = "tasks,workspaces,jobs,pods,events,configmaps,leases"


@pytest.fixture
def repository(git_host: GitHost) -> str:
    """A repository for one test."""
    name = f"team/app-{token_hex(4)}"
    git_host.create(name)
    return name


@pytest.fixture
def project(place: Installation, git_host: GitHost, repository: str) -> Installation:
    """A namespace with Workspace `app` of the repository, and the Secret it names."""
    place.apply(token_secret(), workspace(git_host.url(repository)))
    return place


def run(project: Installation, name: str, prompt: str, *flags: str, branch: str = BRANCH) -> tuple[int, str]:
    """A Task in the Workspace; exit code and everything that was printed."""
    done = project.run(name, prompt, "--workspace", "app", "--branch", branch, *flags)
    return done.returncode, done.stdout + done.stderr


def test_a_task_pushes_its_branch_and_tells_it(project: Installation, git_host: GitHost, repository: str) -> None:
    """What the status says is what the repository has."""
    usage = "usage input=30 output=4 cache-read=20 cache-write=10 cost=0.25\n"

    code, said = run(project, "notes", usage + PUSH, "--wait")

    assert 0 == code, said
    commit = git_host.commit(repository, BRANCH)
    status = project.status("notes")
    expected = {
        "branch": BRANCH,
        "commit": commit,
        "base-branch": "main",
        "base-commit": git_host.commit(repository, "main"),
        "pushed": "true",
        "cost-usd": "0.25",
        "input-tokens": "30",
        "output-tokens": "4",
        "cache-read-tokens": "20",
        "cache-write-tokens": "10",
        "model": "demo",
        "response": b64encode(b"pushed").decode(),
    }
    assert "Succeeded" == status["phase"]
    assert expected == {key: value for key, value in status["results"].items() if key != "session-id"}
    assert {f"{key}: {value}" for key, value in expected.items() if key != "response"} <= set(status["outputs"])
    assert "hello" == git_host.git(repository, "show", f"{commit}:NOTES.md")
    assert git_host.commit(repository, "main") == git_host.git(repository, "rev-parse", f"{commit}^")
    assert "kelos <kelos@users.noreply.github.com>" == git_host.git(
        repository, "log", "-1", "--format=%an <%ae>", commit
    )
    assert_left(project, "Job/notes", "Pod/notes", f"Secret/{SECRET}")


def test_a_second_task_continues_the_branch(project: Installation, git_host: GitHost, repository: str) -> None:
    """It starts where the first one ended, though both began with a fresh checkout."""
    run(project, "first", PUSH, "--wait")
    first = git_host.commit(repository, BRANCH)

    code, said = run(project, "second", "append NOTES.md: world\ncommit More\npush", "--wait")

    assert 0 == code, said
    second = project.status("second")["results"]["commit"]
    assert git_host.commit(repository, BRANCH) == second
    assert first == git_host.git(repository, "rev-parse", f"{second}^")
    assert "hello\nworld" == git_host.git(repository, "show", f"{second}:NOTES.md")
    assert_left(project, "Job/first", "Job/second", "Pod/first", "Pod/second", f"Secret/{SECRET}")


def test_a_dependents_prompt_has_the_results(project: Installation, git_host: GitHost, repository: str) -> None:
    """A chain needs nobody who copies values from one Task to the next."""
    template = '{{index .Deps "build" "Results" "branch"}} at {{index .Deps "build" "Results" "commit"}}'
    run(project, "review", f"say {template}", "--depends-on", "build", branch="kelos/review")
    assert "DependencyMissing" == project.until("review", "Waiting")["reason"]

    run(project, "build", PUSH, "--wait")

    status = project.until("review", "Succeeded")
    said = f"{BRANCH} at {git_host.commit(repository, BRANCH)}"
    assert b64encode(said.encode()).decode() == status["results"]["response"]
    assert_left(project, "Job/build", "Job/review", "Pod/build", "Pod/review", f"Secret/{SECRET}")


def test_tasks_on_one_branch_never_overlap(project: Installation, git_host: GitHost, repository: str) -> None:
    """The second says whom it waits for, and runs when that one has ended."""
    run(project, "first", f"sleep 4\n{PUSH}")
    project.until("first", "Running")
    run(project, "second", "append NOTES.md: world\ncommit More\npush")

    waiting = project.until("second", "Waiting")
    jobs = [job["metadata"]["name"] for job in project.list("jobs")]
    first, second = project.until("first", "Succeeded"), project.until("second", "Succeeded")

    assert ("BranchHeld", f"Branch '{BRANCH}' is held by Task 'first'") == (waiting["reason"], waiting["message"])
    assert ["first"] == jobs
    assert first["attempts"][0]["completionTime"] <= second["attempts"][0]["startTime"]
    assert first["results"]["commit"] == git_host.git(repository, "rev-parse", f"{BRANCH}^")
    assert_left(project, "Job/first", "Job/second", "Pod/first", "Pod/second", f"Secret/{SECRET}")


def test_wrong_credentials_are_told(project: Installation, git_host: GitHost, repository: str) -> None:
    """Once, without a retry: the sentence says what to look at, and never what the token is."""
    project.apply(token_secret(WRONG_TOKEN))

    code, said = run(project, "locked-out", PUSH, "--wait")

    status = project.status("locked-out")
    assert (1, "Failed", "CloneFailed") == (code, status["phase"], status["reason"])
    url = git_host.url(repository)
    assert (
        f"Repository '{url}' refused the credentials: check the Secret '{SECRET}' that Workspace 'app' names"
        == status["message"]
    )
    assert status["message"] in said
    assert {"none", "wrong"} == set(git_host.logins(repository))
    assert [] == forms_found(project, WRONG_TOKEN, said)
    assert_left(project, "Job/locked-out", "Pod/locked-out", f"Secret/{SECRET}")


def test_a_task_starts_when_its_secret_comes(place: Installation, git_host: GitHost, repository: str) -> None:
    """It waits with a reason, without a Job, and needs no second start."""
    place.apply(workspace(git_host.url(repository)))
    run(place, "early", PUSH)
    waiting = place.until("early", "Waiting")
    jobs = place.list("jobs")

    place.apply(token_secret())

    assert "SecretMissing" == waiting["reason"]
    assert waiting["message"].startswith(f"Secret '{SECRET}' (")
    assert [] == jobs
    assert "true" == place.until("early", "Succeeded")["results"]["pushed"]
    assert_left(place, "Job/early", "Pod/early", f"Secret/{SECRET}")


def test_a_secret_that_never_comes_ends_the_task(place: Installation, git_host: GitHost, repository: str) -> None:
    """After the start timeout, with the same reason, and nothing was made for it."""
    place.apply(workspace(git_host.url(repository)))

    code, said = run(place, "orphan", PUSH, "--wait", "--start-timeout", "3s")

    status = place.status("orphan")
    assert (1, "Failed", "SecretMissing") == (code, status["phase"], status["reason"])
    assert status["message"].endswith("(gave up after 3 seconds)")
    assert status["message"] in said
    assert_left(place)
    assert [] == git_host.logins(repository)


def test_no_other_host_gets_the_token(
    project: Installation, git_host: GitHost, other_git_host: GitHost, repository: str
) -> None:
    """Asked for another host the helper says nothing, so that git has nothing to send."""
    other_git_host.create(repository)
    script = """for url in "$@"; do
        printf 'url=%s\\n\\n' "$url" | git credential fill 2>/dev/null | grep -c ^password=
        git ls-remote "$url" >/dev/null 2>&1 && echo in || echo out
    done; true"""
    urls = [git_host.url(repository), other_git_host.url(repository)]
    command = ["sh", "-c", script, "sh", *urls]
    project.apply(workspace(git_host.url(repository), setupCommand=command))

    code, said = run(project, "curious", PUSH, "--wait")

    assert 0 == code, said
    log = project.kubectl("logs", "job/curious", "-c", names.CONTAINER_AGENT).splitlines()
    start, end = log.index(names.MARKER_SETUP_START), log.index(names.MARKER_SETUP_DONE)
    assert ["1", "in", "0", "out"] == log[start + 1 : end]
    assert {"none"} == set(other_git_host.logins(repository))
    assert_left(project, "Job/curious", "Pod/curious", f"Secret/{SECRET}")


def test_a_host_that_sends_us_elsewhere_passes_no_token_on(
    project: Installation, moved_git_host: GitHost, other_git_host: GitHost, repository: str
) -> None:
    """The helper knows the Workspace's host; where that one points to is another one."""
    other_git_host.create(repository)
    project.apply(workspace(moved_git_host.url(repository)))

    code, said = run(project, "sent-away", PUSH, "--wait")

    status = project.status("sent-away")
    assert (1, "CloneFailed") == (code, status["reason"]), said
    assert moved_git_host.url(repository) in status["message"]
    assert {"none"} == set(other_git_host.logins(repository))
    assert_left(project, "Job/sent-away", "Pod/sent-away", f"Secret/{SECRET}")


def test_the_token_is_nowhere_but_in_its_secret(project: Installation, git_host: GitHost, repository: str) -> None:
    """Not in what Kubernetes keeps, nor in what anybody logs; not encoded, either."""
    code, said = run(project, "notes", PUSH, "--wait")
    assert 0 == code, said

    assert [] == forms_found(project, TOKEN, said)
    assert "right" in git_host.logins(repository)


def forms_found(project: Installation, token: str, said: str) -> list[str]:
    """The forms of a token that can be read anywhere but in its Secret."""
    pods = [pod["metadata"]["name"] for pod in project.pods()]
    logs = [project.kubectl("logs", pod, "--all-containers", "--ignore-errors") for pod in pods]
    controller = project.kubectl("logs", "deployment/kelos-controller", namespace=SYSTEM)
    secrets = [one for one in project.list("secrets") if one["metadata"]["name"] != SECRET]
    kept = project.kubectl("get", KINDS, "-o", "json")

    assert all(f'"kind": "{kind}"' in kept for kind in ("Task", "Workspace", "Job", "Pod", "Event"))
    everything = "\n".join([said, *logs, controller, json.dumps(secrets), kept])
    forms = [token, *(b64encode(text.encode()).decode() for text in (token, f"x-access-token:{token}"))]
    return [form for form in forms if form in everything]
