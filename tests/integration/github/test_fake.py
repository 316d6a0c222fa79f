"""The GitHub of the tests looks like the real one, to a client that is not ours as well."""

from __future__ import annotations

import json
from pathlib import Path

import github as pygithub
import pytest

from fakes.github_server.served import direct, served
from fakes.github_server.server import TOKEN, GitHubServer

SHAPES = json.loads((Path(__file__).parents[2] / "data" / "github-shapes.json").read_text())


def shop() -> GitHubServer:
    github = GitHubServer()
    github.open_issue(body="It breaks", labels=("bug",))
    github.open_pull()
    github.comment(1, "Me too")
    github.review(2)
    github.review_comment(2, "Why?")
    return github


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("issues", "issue"),
        ("pulls", "pull_request"),
        ("issues/1/comments", "comment"),
        ("pulls/2/reviews", "review"),
        ("pulls/2/comments", "review_comment"),
    ],
)
async def test_its_objects_have_only_fields_that_real_ones_have(path, kind):
    github = shop()
    async with direct(github) as client:
        answer = await client.get(f"{github.base}/repos/acme/shop/{path}", headers={"Authorization": f"token {TOKEN}"})

    (first, *_) = answer.json()
    assert set() == set(first) - set(SHAPES[kind])


def test_a_client_of_others_can_talk_to_it():
    github = shop()
    with served(github) as url:
        client = pygithub.Github(
            base_url=url,
            auth=pygithub.Auth.Token(TOKEN),
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        repository = client.get_repo("acme/shop")
        issue = repository.get_issue(1)
        issue.create_comment("On it").edit("Done")
        pull = repository.get_pull(2)
        said = [comment.body for comment in issue.get_comments()]
        seen = (pull.get_reviews()[0].state, pull.get_review_comments()[0].path, pull.get_files()[0].filename)
        with pytest.raises(pygithub.GithubException, match="must authenticate via a GitHub App"):
            repository.create_check_run("Kelos", pull.head.sha)
        client.close()

    assert (["Me too", "Done"], ("APPROVED", "main.py", "main.py")) == (said, seen)
