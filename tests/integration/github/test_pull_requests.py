"""Pull requests as work items: reviews, files, comments in the code."""

from __future__ import annotations

import pytest

from github_bench import Bench, found, seen
from kelos.api.work_item import Origin, OriginKind
from kelos.errors import UserError

pytestmark = pytest.mark.anyio

GO = {"commentPolicy": {"triggerComment": "/go"}}
APPROVED = {"reviewState": "approved"}


async def test_everything_a_template_may_name_is_there():
    bench = Bench()
    number = bench.server.open_pull("Fix", body="Closes #1", labels=("bug",), branch="fix-1")
    bench.server.review_comment(number, "old words")
    sha = bench.server.push(number)
    bench.server.comment(number, "Nice")
    bench.server.review_comment(number, "Why?", path="a/b.py", line=12)
    bench.server.review_comment(number, "File?", path="c.py", line=None)
    bench.server.review_comment(number, "  ")
    bench.server.review(number, "CHANGES_REQUESTED", body="Not yet")

    item = (await found(bench.pulls()))[number]

    assert {
        "ID": "1",
        "Number": 1,
        "Title": "Fix",
        "Body": "Closes #1",
        "URL": "https://github.com/acme/shop/pull/1",
        "Labels": "bug",
        "Comments": "Nice",
        "Kind": "PR",
        "Branch": "fix-1",
        "ReviewState": "changes_requested",
        "ReviewComments": "a/b.py:12\nWhy?\n---\nc.py\nFile?",
        "Time": "",
        "Schedule": "",
    } == item.variables
    url = "https://github.com/acme/shop/pull/1"
    origin = Origin(
        kind=OriginKind.PULL_REQUEST, api_url=bench.server.base, repository="acme/shop", number=1, sha=sha, url=url
    )
    assert origin == item.origin


async def test_a_quiet_pull_request_costs_two_requests():
    """Itself and its reviews."""
    bench = Bench()
    bench.server.open_pull()
    source = bench.pulls()
    (sighting,) = (await source.look()).sightings
    before = len(bench.server.calls)

    await source.read(sighting)

    assert 2 == len(bench.server.calls) - before


@pytest.mark.parametrize(
    ("wanted", "reviews", "qualifies"),
    [
        ("any", [], True),
        ("approved", [], False),
        ("approved", ["APPROVED"], True),
        ("approved", ["COMMENTED"], False),
        ("changes_requested", ["APPROVED"], False),
        ("changes_requested", ["APPROVED", "CHANGES_REQUESTED"], True),
    ],
)
async def test_reviews_are_as_wanted(wanted, reviews, qualifies):
    bench = Bench()
    number = bench.server.open_pull()
    for state in reviews:
        bench.server.review(number, state)

    assert qualifies == (number in await found(bench.pulls(reviewState=wanted)))


async def test_a_new_commit_takes_an_approval_away():
    bench = Bench()
    number = bench.server.open_pull()
    bench.server.review(number)
    bench.server.push(number)

    assert {} == await found(bench.pulls(**APPROVED))


async def test_more_reviews_than_a_page_holds_count():
    bench = Bench()
    number = bench.server.open_pull()
    for count in range(150):
        bench.server.review(number, "COMMENTED", f"user{count}")
    identity = bench.server.review(number)

    assert f"review:{identity}" == (await found(bench.pulls(**APPROVED)))[number].trigger.key


async def test_the_later_of_review_and_command_is_the_trigger():
    bench = Bench()
    number = bench.server.open_pull()
    comment = bench.server.comment(number, "/go")
    review = bench.server.review(number)
    triggers = [(await found(bench.pulls(**APPROVED, **GO)))[number].trigger.key]
    again = bench.server.comment(number, "/go")
    bench.server.wait(61)
    triggers.append((await found(bench.pulls(**APPROVED, **GO)))[number].trigger.key)
    without_review = (await found(bench.pulls(**GO)))[number].trigger.key

    assert [f"review:{review}", f"comment:{again}", f"comment:{again}"] == [*triggers, without_review]
    assert comment != again


@pytest.mark.parametrize("where", ["comment", "review_comment", "review", "body"])
async def test_a_command_may_stand_anywhere(where):
    bench = Bench()
    number = bench.server.open_pull(body="/go" if where == "body" else "")
    if where == "review":
        bench.server.review(number, "COMMENTED", body="/go")
    elif where != "body":
        getattr(bench.server, where)(number, "/go")

    item = (await found(bench.pulls(**GO)))[number]

    prefix = {"body": "", "review_comment": "review-comment"}.get(where, where)
    assert prefix == item.trigger.key.partition(":")[0]


@pytest.mark.parametrize(
    ("files", "patterns", "qualifies"),
    [
        (("src/a.py",), {"include": ["src/**"]}, True),
        (("docs/a.md",), {"include": ["src/**"]}, False),
        (("docs/a.md", "src/a.py"), {"include": ["src/**"]}, True),
        (("docs/a.md",), {"exclude": ["docs/**"]}, False),
        (("docs/a.md", "src/a.py"), {"exclude": ["docs/**"]}, True),
        ((), {"exclude": ["docs/**"]}, False),
        ((*(f"docs/{n}.md" for n in range(250)), "src/a.py"), {"include": ["src/**"]}, True),
    ],
)
async def test_files_are_as_wanted(files, patterns, qualifies):
    bench = Bench()
    number = bench.server.open_pull(files=files)

    assert qualifies == (number in await found(bench.pulls(filePatterns=patterns)))


async def test_files_are_asked_for_only_when_they_matter():
    bench = Bench()
    bench.server.open_pull()
    await found(bench.pulls())

    assert [] == bench.server.asked("files")


async def test_a_glob_that_is_none_is_told():
    with pytest.raises(UserError, match="Glob"):
        Bench().pulls(filePatterns={"include": ["src/[a"]})


async def test_what_changed_last_comes_first_and_drafts_can_be_left_out():
    bench = Bench()
    first, second, draft = bench.server.open_pull(), bench.server.open_pull(), bench.server.open_pull(draft=True)
    bench.server.push(first)

    assert [first, draft, second] == await seen(bench.pulls())
    assert [first, second] == await seen(bench.pulls(draft=False))


async def test_issues_are_no_pull_requests():
    bench = Bench()
    bench.server.open_issue()
    number = bench.server.open_pull()

    assert [number] == await seen(bench.pulls())
