"""Branch, base and pull requests as they are told after a run."""

import json

import pytest

from fakes.git_server import git
from kelos.runner.execution.pull_requests import Head, head_repository, matching

GH = """
# Stands for GitHub's CLI: answers with what the test wrote, keeps what it was asked.
import os, sys
open({asked!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
open({asked!r} + "-token", "w").write(os.environ.get("GH_TOKEN", "") + os.environ.get("GH_ENTERPRISE_TOKEN", ""))
sys.stdout.write(open({answer!r}).read())
"""


@pytest.fixture
def prepared(open_host, pod):
    pod.env["KELOS_BRANCH"] = "kelos/fix"
    assert 0 == pod.prepare(KELOS_REPO=open_host.url("team/app")).exit_code
    (pod.root / "asked").write_text("")
    pod.give_program("gh", GH.format(asked=str(pod.root / "asked"), answer=str(pod.root / "answer")))
    (pod.root / "answer").write_text("[]")
    return pod


def pull_request(number, commit, owner="team", name="app", repo="team/app"):
    return {
        "url": f"https://github.com/{repo}/pull/{number}",
        "headRefOid": commit,
        "headRepository": {"name": name},
        "headRepositoryOwner": {"login": owner},
    }


@pytest.mark.parametrize(
    ("base", "told"), [("", "main"), ("main", "main"), ("v1", "main"), ("f" * 40, "main"), ("release", "release")]
)
def test_the_base_is_a_branch(open_host, prepared, base, told):
    """The reference reports a tag or a commit as base branch; no pull request can have one."""
    git("branch", "release", "main", cwd=open_host.bare("team/app"))
    git("fetch", "--quiet", cwd=prepared.checkout)

    assert told == prepared.launch("say x", KELOS_BASE_BRANCH=base).outcome.git.base_branch


def test_pull_requests_of_this_branch_are_told_once_each(prepared):
    """Asked at origin and at upstream; forks have branches of the same name."""
    commit = git("rev-parse", "HEAD", cwd=prepared.checkout)
    git("push", "--quiet", "origin", "kelos/fix", cwd=prepared.checkout)
    entries = [
        pull_request(1, commit),
        pull_request(2, commit, repo="upstream/app"),
        pull_request(3, commit, owner="stranger"),
        pull_request(4, "0" * 40),
        pull_request(1, commit),
    ]
    (prepared.root / "answer").write_text(json.dumps(entries))

    ran = prepared.launch("say x", KELOS_UPSTREAM_REPO="upstream/app")

    assert (
        "https://github.com/team/app/pull/1",
        "https://github.com/upstream/app/pull/2",
    ) == ran.outcome.git.pull_requests
    query = "pr list --head kelos/fix --json url,headRefOid,headRepository,headRepositoryOwner --limit 50"
    assert [query, f"{query} --repo upstream/app"] == (prepared.root / "asked").read_text().splitlines()


@pytest.mark.parametrize("host", ["github.com", "ghe.example"])
def test_gh_gets_the_token_of_now(prepared, host):
    """The one in the environment is as old as the pod, and installation tokens live for an hour."""
    git("push", "--quiet", "origin", "kelos/fix", cwd=prepared.checkout)
    prepared.give_token("tok-fresh")

    prepared.launch("say x", GH_HOST=host)

    assert "tok-fresh" == (prepared.root / "asked-token").read_text()


def test_a_branch_that_was_never_pushed_has_no_pull_request(prepared):
    """Nobody needs to be asked then."""
    prepared.launch("say x")

    assert "" == (prepared.root / "asked").read_text()


def test_a_detached_head_has_no_branch(prepared):
    git("checkout", "--quiet", "--detach", cwd=prepared.checkout)

    facts = prepared.launch("say x").outcome.git

    assert (None, None) == (facts.branch, facts.pushed)
    assert facts.commit


def test_a_gone_origin_leaves_the_question_open(open_host, prepared):
    """Not pushed and not known are different things."""
    git("remote", "set-url", "origin", "http://127.0.0.1:1/team/app.git", cwd=prepared.checkout)

    assert prepared.launch("say x").outcome.git.pushed is None


@pytest.mark.parametrize(
    "answer",
    ["", "null", "{}", "[1]", '[{"url": 3}]', '[{"headRepository": []}]', "not json", "[" * 200_000],
    ids=lambda answer: answer[:9],
)
def test_odd_answers_are_no_pull_requests(answer):
    head = Head(repository="team/app", branch="x", commits=frozenset({"0" * 40}))

    assert [] == matching(answer, head)


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/team/app.js.git", "team/app.js"),
        ("git@github.com:team/app.git", "team/app"),
        ("https://u@ghe.example:8443/team/app", "team/app"),
        ("https://example.com/app", None),
        ("/srv/app.git", None),
    ],
)
def test_owner_and_name_come_from_the_url(url, repository):
    assert repository == head_repository(url)
