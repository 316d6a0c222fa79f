"""The Jira source against a Jira that behaves: what it finds, what it reads, what it says when it cannot."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

import make
from fakes.jira.server import TOKEN, USER, FakeJira, Reply, fake_jira
from kelos.api.work_item import Sighting
from kelos.clients import jira as client_of_jira
from kelos.clients.jira import Jira
from kelos.clients.jira_login import read_site
from kelos.errors import RateLimited, RemoteError, UserError
from kelos.sources.jira.documents import BUDGET_BYTES
from kelos.sources.jira.issues import JiraIssues
from kelos.sources.shelf import NoRoom, Shelf

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 29, 9, 0, tzinfo=timezone.utc)
BOTH = pytest.mark.parametrize("is_cloud", [True, False], ids=["cloud", "data-center"])


def secret(**data: str):
    data = data or {"JIRA_TOKEN": TOKEN, "JIRA_USER": USER}
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "jira", "namespace": make.NAMESPACE},
        "data": encoded,
    }


class Bench:
    """A source at a fake, with a clock."""

    def __init__(self, fake: FakeJira, http: httpx.AsyncClient) -> None:
        self.fake = fake
        self.now = NOW
        self.jira = Jira(http, now=lambda: self.now, monotonic=lambda: self.now.timestamp())

    def source(self, jql: str = "", project: str = "ENG", **data: str) -> JiraIssues:
        usual = {"JIRA_TOKEN": TOKEN, "JIRA_USER": USER} if self.fake.is_cloud else {"JIRA_TOKEN": TOKEN}
        return JiraIssues(
            self.jira, read_site(self.fake.url + "/", secret(**(data or usual))), project=project, jql=jql
        )

    async def keys(self, jql: str = "") -> list[str]:
        return [sighting.key for sighting in (await self.source(jql).look()).sightings]

    @property
    def paths(self) -> list[str]:
        return [asked.path.removeprefix("/rest/api/2/") for asked in self.fake.asked]


@asynccontextmanager
async def bench(is_cloud: bool = True):
    with fake_jira(is_cloud=is_cloud) as fake:
        async with httpx.AsyncClient(verify=False) as http:
            yield Bench(fake, http)


@BOTH
async def test_every_page_is_read(is_cloud):
    """A list that stops somewhere hides the oldest issues for ever."""
    async with bench(is_cloud) as b:
        for number in range(1, 251):
            b.fake.add(f"ENG-{number}", labels=["ready"])
        b.fake.add("OPS-1")

        listing = await b.source().look()

        assert [f"ENG-{number}" for number in range(250, 0, -1)] == [one.key for one in listing.sightings]
        assert (True, "") == (listing.is_complete, listing.note)
        assert ("ready",) == listing.sightings[0].labels


@BOTH
async def test_a_site_may_have_smaller_pages(is_cloud):
    """What was asked for is a wish; only what came counts."""
    async with bench(is_cloud) as b:
        b.fake.most_per_page = 7
        for number in range(1, 31):
            b.fake.add(f"ENG-{number}")

        assert 30 == len(await b.keys())


async def test_a_look_asks_for_little():
    """Texts and comments are read only for what becomes a Task."""
    async with bench() as b:
        b.fake.add("ENG-1")
        await b.keys()

        assert ["updated,labels"] == [asked.query["fields"] for asked in b.fake.asked]


@BOTH
async def test_the_filter_and_its_order_reach_jira(is_cloud):
    async with bench(is_cloud) as b:
        b.fake.add("ENG-1", priority={"name": "Low"})
        b.fake.add("ENG-2", priority={"name": "Highest"})
        b.fake.add("ENG-3", status={"name": "Done"})
        b.fake.add("ENG-4")

        found = await b.keys("status = Open AND priority in (High, Highest) ORDER BY created ASC")

        assert ["ENG-2", "ENG-4"] == found


async def test_data_center_is_asked_in_vain_only_once():
    """It has no pages by token; to ask again each time would double the requests."""
    async with bench(is_cloud=False) as b:
        await b.keys()
        await b.keys()

        assert ["search/jql", "search", "search"] == b.paths


async def test_a_changed_issue_has_another_revision():
    async with bench() as b:
        b.fake.add("ENG-1", updated="2026-11-29T09:00:00.000+0000")
        (before,) = (await b.source().look()).sightings
        b.fake.issues[0]["fields"]["updated"] = "2026-11-29T09:00:00.001+0000"
        (after,) = (await b.source().look()).sightings

        assert before.revision != after.revision


async def test_a_search_without_an_end_is_cut_and_says_so(monkeypatch):
    """Memory is bounded; who owns the TaskSpawner hears that there is more."""
    monkeypatch.setattr(JiraIssues, "MOST", 150)
    async with bench() as b:
        for number in range(1, 402):
            b.fake.add(f"ENG-{number}")

        listing = await b.source().look()

        assert (150, False, 2) == (len(listing.sightings), listing.is_complete, len(b.fake.asked))
        assert "narrow jira.jql" in listing.note


@BOTH
async def test_an_issue_is_read_with_everything_templates_may_name(is_cloud):
    async with bench(is_cloud) as b:
        b.fake.add(
            "ENG-42",
            summary="It crashes",
            description="When I\nclick",
            labels=["ui", "p1"],
            issuetype={"name": "Story"},
        )
        b.fake.comment("ENG-42", "first")
        b.fake.comment(
            "ENG-42", {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "2nd"}]}]}
        )

        item = await b.source().read(Sighting(key="ENG-42"))

        assert {
            "ID": "ENG-42",
            "Number": 42,
            "Title": "It crashes",
            "Body": "When I\nclick",
            "URL": f"{b.fake.url}/browse/ENG-42",
            "Labels": "ui, p1",
            "Comments": "first\n---\n2nd",
            "Kind": "Story",
            "Branch": "",
            "ReviewState": "",
            "ReviewComments": "",
            "Time": "",
            "Schedule": "",
        } == item.variables
        assert (("ui", "p1"), None, "") == (item.labels, item.origin, item.trigger.key)


@BOTH
async def test_of_a_long_thread_the_newest_comments_are_kept(is_cloud):
    """And no more pages are asked for than there is room for."""
    async with bench(is_cloud) as b:
        b.fake.add("ENG-1")
        for number in range(1000):
            b.fake.comment("ENG-1", f"{number:04}" + "x" * 996)

        comments = (await b.source().read(Sighting(key="ENG-1"))).variables["Comments"].split("\n---\n")

        assert [f"{number:04}" for number in range(1000 - BUDGET_BYTES // 1000, 1000)] == [one[:4] for one in comments]
        assert 2 == len(b.fake.asked)


async def test_all_pages_of_short_comments_are_read():
    async with bench() as b:
        b.fake.add("ENG-1")
        for number in range(250):
            b.fake.comment("ENG-1", str(number))

        comments = (await b.source().read(Sighting(key="ENG-1"))).variables["Comments"]

        assert [str(number) for number in range(250)] == comments.split("\n---\n")


@pytest.mark.parametrize("is_moved", [False, True])
async def test_what_is_gone_does_not_qualify(is_moved):
    """A moved issue answers to its old key, but belongs to another project now."""
    async with bench() as b:
        b.fake.add("OPS-7")
        if is_moved:
            b.fake.moved["ENG-1"] = "OPS-7"

        assert None is await b.source().read(Sighting(key="ENG-1"))


async def test_an_issue_with_nothing_in_it_still_has_every_variable():
    async with bench() as b:
        b.fake.issues.append(
            {"key": "ENG-1", "id": "1", "fields": {"summary": None, "labels": None, "issuetype": None}}
        )

        found = (await b.source().read(Sighting(key="ENG-1"))).variables

        assert ("", "", "", "Issue", 1) == (
            found["Title"],
            found["Body"],
            found["Labels"],
            found["Kind"],
            found["Number"],
        )


@BOTH
async def test_wrong_credentials_are_named_and_not_shown(is_cloud):
    wrong = {"JIRA_TOKEN": "s3cr3t-value"} | ({"JIRA_USER": "nobody"} if is_cloud else {})
    async with bench(is_cloud) as b:
        with pytest.raises(UserError) as caught:
            await b.source(**wrong).look()

    text = str(caught.value)
    assert "does not accept the credentials of Secret 'jira' (Client must be authenticated" in text
    assert ("JIRA_TOKEN" in text, "JIRA_USER" in text, "s3cr3t" in text) == (True, True, False)


async def test_a_failed_login_that_answers_ok_is_no_empty_list():
    """Jira Cloud takes a wrong token for nobody in particular, who sees no issues."""
    async with bench() as b:
        b.fake.replies = [Reply(200, {"issues": [], "isLast": True}, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})]

        with pytest.raises(UserError, match="does not accept the credentials"):
            await b.source().look()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"TOKEN": "x"}, "has no key 'JIRA_TOKEN'"),
        ({"JIRA_TOKEN": ""}, "is no token"),
        ({"JIRA_TOKEN": "two\nlines"}, "is no token"),
        ({"JIRA_TOKEN": "x", "JIRA_USER": "a:b"}, "is no user"),
    ],
)
async def test_a_secret_that_cannot_work_is_refused(data, words):
    async with bench() as b:
        with pytest.raises(UserError, match=words):
            b.source(**data)


async def test_a_line_break_behind_a_token_does_no_harm():
    """`kubectl create secret --from-file` keeps it."""
    async with bench() as b:
        await b.source(JIRA_TOKEN=TOKEN + "\n", JIRA_USER=USER + "\n").look()


def test_a_login_is_in_no_representation():
    assert TOKEN not in repr(read_site("https://jira.example.com", secret()))


@pytest.mark.parametrize(
    "url", ["ftp://x", "jira.example.com", "https://u:p@jira.example.com", "https://x/?os_username=1"]
)
def test_an_address_that_cannot_be_jiras_is_refused(url):
    with pytest.raises(UserError, match=r"jira\.baseUrl"):
        read_site(url, secret())


async def test_jiras_own_words_explain_a_refused_search():
    async with bench() as b:
        with pytest.raises(UserError) as caught:
            await b.source("status is Open").look()

    assert "refuses the search (Error in the JQL Query: Expecting" in str(caught.value)
    assert "correct jira.project or jira.jql" in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            Reply(403, {"errorMessages": ["No\nmore"]}),
            UserError,
            r"does not allow this to the user of Secret 'jira' \(No more\)",
        ),
        (Reply(500, b"<html>oops"), RemoteError, "answered 500$"),
        (Reply(200, b"<html>welcome"), RemoteError, "not as Jira does"),
        (Reply(200, {"issues": [{"id": "1"}]}), RemoteError, "has no key or no fields"),
        (Reply(200, {"issues": "none"}), RemoteError, "answers without issues"),
        (Reply(200, b"[" * 200_000), RemoteError, "not as Jira does"),
        (Reply(302, {}, {"Location": "http://127.0.0.2:1/login"}), UserError, "sends us elsewhere"),
        (Reply(400, {"errorMessages": ["x" * 5000]}), UserError, "x{200}…"),
        (Reply(drop=True), RemoteError, r"cannot be reached \(RemoteProtocolError\)"),
    ],
)
async def test_every_other_answer_is_one_sentence(reply, kind, words):
    async with bench() as b:
        b.fake.replies = [reply]
        with pytest.raises(kind, match=words) as caught:
            await b.source().look()

    assert (True, False) == (len(str(caught.value)) < 500, "\n" in str(caught.value))


async def test_where_no_jira_is_the_address_is_to_be_corrected():
    async with bench() as b:
        b.fake.replies = [Reply(404, {}), Reply(404, {})]
        with pytest.raises(UserError, match="There is no Jira at"):
            await b.source().look()


async def test_the_token_stays_at_its_site():
    """A redirect is followed within the site, and refused elsewhere."""
    with fake_jira() as other:
        async with bench() as b:
            b.fake.add("ENG-1")
            b.fake.replies = [Reply(307, {}, {"Location": "/rest/api/2/search/jql?jql=project%3DENG&fields=labels"})]
            assert ["ENG-1"] == await b.keys()
            b.fake.replies = [Reply(307, {}, {"Location": other.url + "/rest/api/2/search/jql"})]
            with pytest.raises(UserError, match="where the token must not go"):
                await b.keys()

        assert [] == other.asked


@pytest.mark.parametrize(
    ("status", "wait", "seconds"),
    [(429, "30", 30), (429, None, 60), (429, "999999", 3600), (503, "7", 7), (429, "soon", 60), (429, "0", 1)],
)
async def test_a_limit_is_kept_for_everybody_who_uses_the_login(status, wait, seconds):
    """To come back sooner makes it longer; another TaskSpawner with the same login waits, too."""
    async with bench() as b:
        b.fake.add("ENG-1")
        b.fake.replies = [
            Reply(status, {"errorMessages": ["Rate limit exceeded"]}, {"Retry-After": wait} if wait else {})
        ]
        for _ in range(2):
            with pytest.raises(RateLimited, match="has had too many requests of Secret 'jira'") as caught:
                await b.source().look()
            assert NOW + timedelta(seconds=seconds) == caught.value.retry_at
        assert 1 == len(b.fake.asked)

        b.now = NOW + timedelta(seconds=seconds)
        assert ["ENG-1"] == await b.keys()


async def test_an_answer_without_an_end_is_not_held(monkeypatch):
    monkeypatch.setattr(client_of_jira, "_BOUNDS", client_of_jira.Bounds(seconds=5, size_bytes=1000, may_leave=False))
    async with bench() as b:
        b.fake.replies = [Reply(200, b"x" * 100_000)]
        with pytest.raises(RemoteError, match="more than 1000 bytes"):
            await b.source().look()


async def test_a_page_that_repeats_itself_ends():
    async with bench() as b:
        b.fake.replies = [Reply(200, {"issues": [], "isLast": False, "nextPageToken": "same"})] * 3
        with pytest.raises(RemoteError, match="the same page again"):
            await b.source().look()


async def test_nobody_waits_for_a_jira_that_answers_nobody():
    """One request now and then finds out; all other TaskSpawners there leave room for those of other servers."""
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        b.now += timedelta(seconds=30)
        raise httpx.ConnectTimeout("no answer")

    async with bench(True) as b:
        b.jira = Jira(
            httpx.AsyncClient(transport=httpx.MockTransport(handle)),
            now=lambda: b.now,
            monotonic=lambda: b.now.timestamp(),
        )
        said = []
        for _ in range(9):
            with pytest.raises(RemoteError) as caught:
                await b.source().look()
            said.append(str(caught.value))

    assert 3 == len(asked)
    assert "cannot be reached (ConnectTimeout)" in said[2]
    assert "answers nobody at the moment; it is asked again soon" in said[3]


async def test_a_search_without_end_is_told_of_and_takes_no_more_than_its_share():
    """Whatever stands at the address, and however large what it calls an issue."""
    pages: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        pages.append(len(pages))
        fields = {"updated": "2026-01-01" * 1000, "labels": ["x" * 1000] * 1000, "summary": "y" * 10_000}
        issues = [{"key": f"ENG-{len(pages) * 10 + n}", "fields": fields} for n in range(10)]
        return httpx.Response(200, json={"issues": issues, "nextPageToken": str(len(pages))})

    shelf = Shelf(limit_bytes=8 * 1024 * 1024)
    async with bench(True) as b:
        http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
        jira = Jira(http, now=lambda: b.now, monotonic=lambda: b.now.timestamp())
        source = JiraIssues(
            jira, read_site(b.fake.url, secret(JIRA_TOKEN=TOKEN)), project="ENG", shelf=shelf, owner="a"
        )
        with pytest.raises(UserError, match="What Jira finds in project ENG takes more than 4 MiB, the most that"):
            await source.look()

    assert 0 == shelf.size_bytes
    assert len(pages) < 20


async def test_a_search_that_makes_room_while_it_is_read_is_not_taken_for_all_there_is():
    async with bench(True) as b:
        shelf = Shelf(limit_bytes=100_000)
        for n in range(150):
            b.fake.add(f"ENG-{n + 1}")
        place = read_site(b.fake.url + "/", secret(JIRA_TOKEN=TOKEN, JIRA_USER=USER))
        source = JiraIssues(b.jira, place, project="ENG", shelf=shelf, owner="a")
        search = b.jira.search

        async def interrupted(*args: Any) -> AsyncIterator[Any]:
            async for page in search(*args):
                yield page
                for n in range(2):
                    shelf.resize(shelf.place("a", f"Something else {n}"), 49_000)

        b.jira.search = interrupted  # type: ignore[method-assign, assignment]
        with pytest.raises(NoRoom):
            await source.look()
