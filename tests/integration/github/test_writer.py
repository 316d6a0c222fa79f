"""Writing at GitHub: each request as GitHub wants it, and what was written is found again."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

import app_keys
from fakes.github_app import GitHub as Apps
from fakes.github_server.answers import Answer
from fakes.github_server.served import direct, served
from fakes.github_server.server import GitHubServer
from github_bench import Bench
from kelos.clients.account import Accounts
from kelos.clients.github.answers import Missing, NotAllowed
from kelos.clients.github_writer import GitHubWriter, Standing
from kelos.clients.token_desk import TokenDesk
from kelos.errors import RateLimited, RemoteError, UserError

pytestmark = pytest.mark.anyio

MARKER = "<!-- kelos.dev/task:uid-1 -->"
SHA = "a" * 40
RUN = {"name": "Kelos: bugs", "head_sha": SHA, "external_id": "uid-1", "status": "in_progress"}
DONE = {**RUN, "status": "completed", "conclusion": "success"}
STATUS = {"state": "pending", "context": "Kelos: bugs", "description": "Task bugs-1 is being processed"}


class Desk(Bench):
    """A writer with a personal token, or with an App's key."""

    def __init__(self, *, is_app: bool = False) -> None:
        apps = Apps(app_keys.app(), now=lambda: self.server.now.timestamp())
        super().__init__(GitHubServer(apps=apps))
        self.number = self.server.open_issue()
        account = self.account()
        if is_app:
            desk = TokenDesk(
                direct(self.server), now=lambda: self.server.now, monotonic=lambda: 0.0, chance=lambda: 1.0
            )
            accounts = Accounts(desk, now=lambda: self.server.now)
            account = accounts.of(app_keys.stored_secret(), api_url=self.server.base, repository="acme/shop")
        self.writer = GitHubWriter(github=self.github, account=account, repository="acme/shop")

    @property
    def comments(self) -> list[str]:
        shown = self.server.shop.comments.listed(self.server.step)
        return [comment["body"] for comment in shown if comment["number"] == self.number]


async def test_comments_over_http():
    """Over a socket: made, changed, found."""
    server = GitHubServer()
    number = server.open_issue()
    with served(server) as url:
        async with httpx.AsyncClient() as client:
            bench = Bench(server, client=client)
            account = bench.account(api_url=url)
            writer = GitHubWriter(github=bench.github, account=account, repository="acme/shop")
            made = await writer.create_comment(number, f"accepted {MARKER}")
            await writer.edit_comment(made, f"succeeded {MARKER}")
            found = await writer.find_comment(number, MARKER)

    assert made == found
    (comment,) = server.shop.comments.listed(server.step)
    assert (f"succeeded {MARKER}", "kelos-bot") == (comment["body"], comment["author"])


async def test_a_check_run_from_its_start_to_its_end():
    """As an App makes it."""
    desk = Desk(is_app=True)
    made = await desk.writer.create_check_run(RUN)
    await desk.writer.edit_check_run(made, DONE)

    assert made == await desk.writer.find_check_run(SHA, RUN["name"], "uid-1")
    assert await desk.writer.find_check_run(SHA, RUN["name"], "uid-2") is None
    (run,) = desk.server.shop.check_runs.listed(desk.server.step)
    assert ("completed", "success", SHA) == (run["status"], run["conclusion"], run["head_sha"])


@pytest.mark.parametrize("is_app", [True, False])
async def test_nobody_can_foist_a_comment_on_us(is_app):
    """A marker is public; only what this account wrote itself is edited, for it can edit everybody's."""
    desk = Desk(is_app=is_app)
    desk.server.comment(desk.number, f"mine {MARKER}", author="mallory")
    desk.server.comment(desk.number, f"mine {MARKER}", author="other[bot]")
    assert await desk.writer.find_comment(desk.number, MARKER) is None

    first = await desk.writer.create_comment(desk.number, f"ours {MARKER}")
    second = await desk.writer.create_comment(desk.number, f"ours, later {MARKER}")
    desk.server.comment(desk.number, f"mine {MARKER}", author="mallory")

    assert first < second == await desk.writer.find_comment(desk.number, MARKER)


async def test_a_comment_on_a_later_page_is_found():
    desk = Desk()
    for n in range(150):
        desk.server.comment(desk.number, f"me too {n}")
    made = await desk.writer.create_comment(desk.number, MARKER)

    assert made == await desk.writer.find_comment(desk.number, MARKER)


async def test_only_what_is_new_enough_is_searched():
    desk = Desk()
    await desk.writer.create_comment(desk.number, MARKER)

    assert await desk.writer.find_comment(desk.number, MARKER, desk.server.now - timedelta(hours=1))
    assert await desk.writer.find_comment(desk.number, MARKER, desk.server.now + timedelta(hours=1)) is None


async def test_a_token_that_is_no_persons_goes_by_bots():
    """That of a workflow may not ask who it is; it takes no person's comment for its own."""
    desk = Desk()
    desk.server.fail(Answer(403, {"message": "Resource not accessible by integration"}), path="GET /user")
    desk.server.comment(desk.number, MARKER, author="mallory")
    made = desk.server.comment(desk.number, MARKER, author="github-actions[bot]")

    assert made == await desk.writer.find_comment(desk.number, MARKER)


async def test_a_personal_token_makes_statuses_only():
    """Check runs are for Apps; the refusal can be told from others."""
    desk = Desk()
    with pytest.raises(NotAllowed, match="GitHub App"):
        await desk.writer.create_check_run(RUN)
    await desk.writer.create_status(SHA, STATUS)

    assert await desk.writer.has_status(SHA, STATUS)
    assert not await desk.writer.has_status(SHA, {**STATUS, "state": "success"})
    assert not await desk.writer.has_status("b" * 40, STATUS)
    assert not await desk.writer.has_status(SHA, {**STATUS, "context": "another"})


async def test_errors_keep_their_kind():
    """Gone, not now, unknown: three different things to do about it."""
    desk = Desk()
    with pytest.raises(Missing):
        await desk.writer.edit_comment(999, "x")
    desk.server.fail(Answer(502, None), path="POST")
    with pytest.raises(RemoteError):
        await desk.writer.create_comment(desk.number, "x")
    desk.server.fail(Answer(lost=True), path="POST")
    with pytest.raises(RemoteError):
        await desk.writer.create_comment(desk.number, "x")
    assert ["x"] == desk.comments
    desk.server.fail(Answer(403, {"message": "secondary rate limit"}, {"Retry-After": "60"}), path="POST")
    with pytest.raises(RateLimited):
        await desk.writer.create_comment(desk.number, "x")


async def test_nothing_is_sent_without_a_token():
    """Not even tried."""
    desk = Desk()
    writer = GitHubWriter(github=desk.github, account=desk.account(""), repository="acme/shop")
    with pytest.raises(UserError, match="without a token"):
        await writer.create_comment(desk.number, "x")

    assert [] == desk.server.calls


@pytest.mark.parametrize("name", ["acme", "../../user", "acme/..", "acme/shop/issues", "acme/sh op", "", "a/b?c=d"])
def test_a_path_is_made_of_a_real_name_only(name):
    """Annotations could be anything."""
    with pytest.raises(UserError, match="owner/name"):
        GitHubWriter(github=Bench().github, account=Bench().account(), repository=name)


@pytest.mark.parametrize("sha", ["", "main", "../../issues/1/comments", "A" * 40, "a" * 41])
async def test_a_commit_is_a_commit(sha):
    desk = Desk()
    with pytest.raises(UserError, match="no commit"):
        await desk.writer.create_status(sha, STATUS)
    with pytest.raises(UserError, match="no commit"):
        await desk.writer.find_check_run(sha, "x", "y")

    assert [] == desk.server.calls


def test_turns_are_a_second_apart_and_in_order():
    """GitHub punishes crowds; nobody waits in here, and who asks again keeps the place."""
    standing = Standing()

    assert [0.0, 1.0, 2.0] == [standing.turn(who, 100.0) for who in "abc"]
    assert [1.0, 0.5] == [standing.turn("b", 100.0), standing.turn("b", 100.5)]
    assert 0.0 == standing.turn("b", 101.0)
    assert 2.0 == standing.turn("b", 101.0)
    assert 0.0 == standing.turn("c", 102.0)
    assert 0.0 == standing.turn("d", 200.0)
