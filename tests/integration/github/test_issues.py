"""Issues as work items: who qualifies, what templates get to see, and what that costs."""

from __future__ import annotations

import pytest

from fakes.github_server.answers import Answer
from github_bench import Bench, found
from kelos.api.work_item import OriginKind, Sighting
from kelos.errors import RemoteError, UserError
from kelos.sources.github import details

pytestmark = pytest.mark.anyio

GO = {"commentPolicy": {"triggerComment": "/go"}}
GO_OF_WRITERS = {"commentPolicy": {"triggerComment": "/go", "minimumPermission": "write"}}


async def test_everything_a_template_may_name_is_there():
    bench = Bench()
    number = bench.server.open_issue("Broken", body="It breaks", labels=("bug", "p1"))
    bench.server.comment(number, "Me too")
    bench.server.comment(number, "Same here")

    item = (await found(bench.issues()))[number]

    assert {
        "ID": "1",
        "Number": 1,
        "Title": "Broken",
        "Body": "It breaks",
        "URL": "https://github.com/acme/shop/issues/1",
        "Labels": "bug, p1",
        "Comments": "Me too\n---\nSame here",
        "Kind": "Issue",
        "Branch": "",
        "ReviewState": "",
        "ReviewComments": "",
        "Time": "",
        "Schedule": "",
    } == item.variables
    assert ("1", ("bug", "p1"), "") == (item.key, item.labels, item.trigger.key)


async def test_an_item_knows_where_reports_go():
    bench = Bench()
    issue, pull = bench.server.open_issue(), bench.server.open_pull()

    items = await found(bench.issues(types=["issues", "pulls"]))

    origins = {
        number: (item.origin.kind, item.origin.repository, item.variables["Kind"]) for number, item in items.items()
    }
    assert {
        issue: (OriginKind.ISSUE, "acme/shop", "Issue"),
        pull: (OriginKind.PULL_REQUEST, "acme/shop", "PR"),
    } == origins


async def test_an_item_without_comments_costs_one_request():
    bench = Bench()
    bench.server.open_issue()
    source = bench.issues()
    (sighting,) = (await source.look()).sightings
    before = len(bench.server.calls)

    await source.read(sighting)

    assert 1 == len(bench.server.calls) - before


async def test_twenty_who_read_the_same_read_once():
    bench = Bench()
    number = bench.server.open_issue()
    bench.server.comment(number, "hm")
    for _ in range(20):
        await found(bench.issues())

    assert 2 == len(bench.server.asked(f"/issues/{number}"))


async def test_a_long_discussion_is_read_to_its_end():
    """The newest words matter most; the reference saw the oldest thousand."""
    bench = Bench()
    number = bench.server.open_issue()
    for count in range(1100):
        bench.server.comment(number, f"comment {count}")
    trigger = bench.server.comment(number, "/go")

    item = (await found(bench.issues(**GO)))[number]

    assert (f"comment:{trigger}", True) == (item.trigger.key, item.variables["Comments"].endswith("\n---\n/go"))


async def test_of_an_endless_discussion_the_newest_part_is_read(monkeypatch):
    monkeypatch.setattr(details, "MOST_PAGES", 2)
    bench = Bench()
    number = bench.server.open_issue()
    for count in range(350):
        bench.server.comment(number, f"comment {count}")
    bench.server.comment(number, "/go")

    assert [number] == list(await found(bench.issues(**GO)))
    assert 2 == len(bench.server.asked("comments"))


async def test_a_command_asks_for_a_task_at_its_time():
    bench = Bench()
    number, other = bench.server.open_issue(), bench.server.open_issue()
    bench.server.comment(other, "Please /go")
    identity = bench.server.comment(number, "Please\n/go\n")

    items = await found(bench.issues(**GO))

    assert [number] == list(items)
    assert (f"comment:{identity}", bench.server.now) == (items[number].trigger.key, items[number].trigger.at)


async def test_another_command_is_another_trigger_and_so_is_an_edit():
    """Whether a Task ran meanwhile or not."""
    bench = Bench()
    number = bench.server.open_issue()
    bench.server.comment(number, "/go")
    later = bench.server.comment(number, "hello")
    triggers = [(await found(bench.issues(**GO)))[number].trigger]
    bench.server.wait(100)
    bench.server.edit_comment(later, "/go")
    triggers.append((await found(bench.issues(**GO)))[number].trigger)
    bench.server.wait(100)
    bench.server.edit_comment(later, "/go\nplease")
    triggers.append((await found(bench.issues(**GO)))[number].trigger)

    assert (3, 2) == (len({trigger.at for trigger in triggers}), len({trigger.key for trigger in triggers}))


async def test_a_body_that_is_edited_into_a_command_qualifies():
    bench = Bench()
    number = bench.server.open_issue()
    source = bench.issues(**GO)
    assert {} == await found(source)
    bench.server.wait(100)
    bench.server.edit(number, body="/go")

    assert [number] == list(await found(source))


@pytest.mark.parametrize(
    ("roles", "teams", "policy", "qualifies"),
    [
        ({"ann": "write"}, {}, {"minimumPermission": "write"}, True),
        ({"ann": "maintain"}, {}, {"minimumPermission": "write"}, True),
        ({"ann": "triage"}, {}, {"minimumPermission": "write"}, False),
        ({}, {}, {"minimumPermission": "read"}, False),
        ({}, {"acme/core": {"ann": "active"}}, {"allowedTeams": ["acme/docs", "acme/core"]}, True),
        ({}, {"acme/core": {"ann": "pending"}}, {"allowedTeams": ["acme/core"]}, False),
        ({}, {"acme/core": {"ann": "active"}}, {"allowedTeams": ["acme/core"], "minimumPermission": "admin"}, True),
        ({}, {}, {"allowedUsers": ["Ann"], "minimumPermission": "admin"}, True),
        ({}, {}, {"allowedUsers": ["bob"]}, False),
    ],
)
async def test_only_commands_of_those_who_may_count(roles, teams, policy, qualifies):
    bench = Bench()
    number = bench.server.open_issue()
    bench.server.shop.roles, bench.server.teams = roles, teams
    bench.server.comment(number, "/go", "ann")

    items = await found(bench.issues(commentPolicy={"triggerComment": "/go", **policy}))

    assert qualifies == (number in items)


async def test_a_person_is_asked_about_once_in_a_pass():
    bench = Bench()
    bench.server.shop.roles = {"ann": "write"}
    for _ in range(5):
        bench.server.comment(bench.server.open_issue(), "/go", "ann")
    source = bench.issues(**GO_OF_WRITERS)

    assert 5 == len(await found(source))
    assert 1 == len(bench.server.asked("permission"))


async def test_rights_that_were_taken_away_count_in_the_next_pass():
    bench = Bench()
    bench.server.shop.roles = {"ann": "write"}
    bench.server.comment(bench.server.open_issue(), "/go", "ann")
    source = bench.issues(**GO_OF_WRITERS)
    before = await found(source)
    bench.server.shop.roles = {}

    assert (1, 0) == (len(before), len(await found(source)))


async def test_one_way_to_be_allowed_is_enough_when_another_cannot_be_asked():
    """And when none says yes, people read which one was broken."""
    bench = Bench()
    number = bench.server.open_issue()
    bench.server.comment(number, "/go", "ann")
    bench.server.teams = {"acme/core": {"ann": "active"}}
    rules = {"triggerComment": "/go", "minimumPermission": "write", "allowedTeams": ["acme/core"]}
    bench.server.fail(Answer(403, {"message": "Resource not accessible"}), path="permission", times=2)

    assert [number] == list(await found(bench.issues(commentPolicy=rules)))
    bench.server.teams = {}
    with pytest.raises(UserError, match="does not let Secret 'git' read /repos/acme/shop/collaborators/ann/permission"):
        await found(bench.issues(commentPolicy=rules))


async def test_a_login_cannot_become_part_of_the_address():
    bench = Bench()
    number = bench.server.open_issue()
    bench.server.comment(number, "/go", "../../user?x=")

    assert {} == await found(bench.issues(**GO_OF_WRITERS))
    assert 1 == len(bench.server.asked("collaborators/%2E%2E|collaborators/[.][.]%2F"))


async def test_one_item_that_fails_leaves_the_others_alone():
    bench = Bench()
    first, second = bench.server.open_issue(), bench.server.open_issue()
    bench.server.fail(Answer(500, {}), path=f"issues/{second}$", times=3)
    source = bench.issues()
    outcomes = []
    for sighting in (await source.look()).sightings:
        try:
            outcomes.append((await source.read(sighting)).key)
        except RemoteError:
            outcomes.append("failed")

    assert ["failed", str(first)] == outcomes


@pytest.mark.parametrize("change", [{"state": "closed"}, {"labels": ()}])
async def test_what_does_not_qualify_any_more_is_left_out(change):
    """Between the look and the read."""
    bench = Bench()
    number = bench.server.open_issue(labels=("bug",))
    source = bench.issues(labels=["bug"])
    (sighting,) = (await source.look()).sightings
    bench.server.edit(number, **change)

    assert await source.read(sighting) is None


async def test_what_is_gone_is_left_out():
    assert await Bench().issues().read(Sighting(key="77", revision="x")) is None


async def test_a_command_that_is_listed_late_is_found_when_the_item_has_settled():
    """The item's time changes at once, the list of comments a little later."""
    bench = Bench()
    number = bench.server.open_issue()
    bench.server.wait(600)
    bench.server.comment(number, "first")
    bench.server.step += 10
    source = bench.issues(**GO)
    seen = {sighting.revision for sighting in (await source.look()).sightings}
    bench.server.wait(50)
    bench.server.comment(number, "/go")
    bench.server.lag = 3
    results = []
    for _ in range(6):
        for sighting in (await source.look()).sightings:
            if sighting.revision not in seen:
                seen.add(sighting.revision)
                results.append(await source.read(sighting) is not None)
        bench.server.wait(61)

    assert (True, True) == (results[-1], len(results) <= 2)


async def test_accounts_that_are_gone_are_no_trouble():
    bench = Bench()
    number = bench.server.open_issue(author="")
    bench.server.comment(number, "/go", "")

    assert ([number], []) == (list(await found(bench.issues(**GO))), list(await found(bench.issues(**GO_OF_WRITERS))))
