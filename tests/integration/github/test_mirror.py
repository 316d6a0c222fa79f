"""What listings cost, and that nothing is missed: one mirror for everybody who looks at a repository."""

from __future__ import annotations

import asyncio

import pytest

from fakes.github_server.answers import Answer
from fakes.github_server.state import World
from github_bench import Bench, seen
from kelos.errors import RateLimited, RemoteError, UserError

pytestmark = pytest.mark.anyio

INTERVAL = 60.0


def fill(world: World, count: int) -> list[int]:
    """So many issues, opened an hour ago."""
    numbers = [world.open_issue() for _ in range(count)]
    world.wait(3600)
    return numbers


async def test_at_rest_twenty_spawners_cost_one_conditional_request_an_interval():
    """The reference asks 20 × (5 lists + 500 comments) times; GitHub does not even count ours."""
    bench = Bench()
    fill(bench.server, 500)
    sources = [bench.issues(labels=[]) for _ in range(20)]
    for source in sources:
        assert 500 == len(await seen(source))
    first = len(bench.server.calls)

    for _ in range(10):
        bench.server.wait(INTERVAL)
        for source in sources:
            assert 500 == len(await seen(source))

    asked = len(bench.server.calls) - first
    naive = 10 * 20 * (5 + 500)
    assert (6, 10, True, {304}) == (first, asked, asked * 20 < naive, set(bench.server.statuses[first:]))


async def test_a_change_costs_one_request_however_many_look():
    bench = Bench()
    (number, *_) = fill(bench.server, 300)
    sources = [bench.issues() for _ in range(20)]
    for source in sources:
        await source.look()
    before = len(bench.server.calls)
    bench.server.wait(INTERVAL)
    bench.server.edit(number, labels=("bug",))

    labels = [{s.key: s.labels for s in (await source.look()).sightings}[str(number)] for source in sources]

    assert ([("bug",)] * 20, 1) == (labels, len(bench.server.calls) - before)


async def test_those_who_look_at_once_wait_for_one_listing():
    bench = Bench()
    fill(bench.server, 250)

    found = await asyncio.gather(*(seen(bench.issues()) for _ in range(20)))

    assert ({250}, 4) == ({len(numbers) for numbers in found}, len(bench.server.calls))


async def test_a_spawner_by_itself_never_sees_an_older_look_of_its_own():
    """Even when it comes a little early."""
    bench = Bench()
    source = bench.issues()
    await source.look()
    bench.server.wait(INTERVAL * 0.9)
    number = bench.server.open_issue()

    assert [number] == await seen(source)


@pytest.mark.parametrize("kind", ["issues", "pulls"])
@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"},
        {"labels": ("bug",)},
        {"assignees": ("hubot",)},
        {"body": "Edited"},
        {"draft": True},
    ],
)
async def test_every_change_gives_another_revision(kind, change):
    bench = Bench()
    number = bench.server.open_issue() if kind == "issues" else bench.server.open_pull()
    source = bench.issues() if kind == "issues" else bench.pulls()
    bench.server.wait(600)
    (before,) = (await source.look()).sightings
    bench.server.wait(600)
    bench.server.edit(number, **change)

    (after,) = (await source.look()).sightings

    assert before.revision != after.revision


async def test_what_has_just_changed_gets_another_revision_when_it_has_settled():
    """A comment may be counted before it is listed: whoever looked too early looks once more, and no more."""
    bench = Bench()
    bench.server.open_issue()
    source = bench.issues()
    revisions = []
    for _ in range(5):
        revisions.append((await source.look()).sightings[0].revision)
        bench.server.wait(INTERVAL)

    assert (2, 1) == (len(set(revisions)), len(set(revisions[1:])))


async def test_new_closed_and_reopened_items_are_followed():
    bench = Bench()
    first, second = fill(bench.server, 2)
    source = bench.issues()
    assert [second, first] == await seen(source)

    bench.server.wait(INTERVAL)
    bench.server.edit(first, state="closed")
    third = bench.server.open_issue()
    assert [third, second] == await seen(source)

    bench.server.wait(INTERVAL)
    bench.server.edit(first, state="open")
    assert [third, second, first] == await seen(source)


async def test_more_changes_than_a_page_holds_are_all_seen():
    bench = Bench()
    source = bench.pulls()
    await source.look()
    bench.server.wait(INTERVAL)
    numbers = [bench.server.open_pull() for _ in range(260)]

    assert numbers[::-1] == await seen(source)


async def test_the_walk_over_pull_requests_ends_where_nothing_is_new():
    """The last fifty changes are enough to know."""
    bench = Bench()
    for _ in range(400):
        bench.server.open_pull()
    bench.server.wait(3000)
    source = bench.pulls()
    await source.look()
    before = len(bench.server.calls)
    bench.server.wait(INTERVAL)
    bench.server.push(7)

    assert (7, 1) == ((await seen(source))[0], len(bench.server.calls) - before)


async def test_a_change_that_a_list_shows_late_is_seen():
    """Lists of GitHub learn of a change after the change."""
    bench = Bench()
    numbers = fill(bench.server, 3)
    bench.server.step += 10
    bench.server.lag = 3
    source = bench.issues()
    await source.look()
    for number in numbers:
        bench.server.wait(1)
        bench.server.edit(number, labels=("bug",))
        await source.look()
        bench.server.wait(INTERVAL)
    for _ in range(4):
        bench.server.wait(INTERVAL)
        listing = await source.look()

    assert {("bug",)} == {sighting.labels for sighting in listing.sightings}


async def test_an_older_state_that_is_shown_late_undoes_nothing():
    """Each of GitHub's servers knows as much as it knows."""
    bench = Bench()
    (number,) = fill(bench.server, 1)
    source = bench.issues()
    await source.look()
    bench.server.wait(INTERVAL)
    bench.server.edit(number, labels=("docs",))
    bench.server.step += 10
    bench.server.edit(number, labels=("bug",))
    await source.look()
    bench.server.wait(INTERVAL)
    bench.server.lag = 9

    assert ("bug",) == (await source.look()).sightings[0].labels


async def test_an_item_that_slipped_while_the_list_was_read_is_found_soon():
    """Closing an item moves the others up: one may jump to a page that was read already."""
    bench = Bench()
    numbers = fill(bench.server, 150)
    source = bench.issues()

    def close_one(call) -> None:
        if call.query.get("direction") == "asc" and call.query.get("page") is None:
            bench.server.edit(numbers[0], state="closed")

    bench.server.after = close_one
    await source.look()
    bench.server.after = None
    bench.server.wait(301)

    assert numbers[:0:-1] == await seen(source)


async def test_what_vanished_is_noticed_within_the_hour():
    """Nothing in a list tells that an item was deleted or moved away."""
    bench = Bench()
    first, second = fill(bench.server, 2)
    source = bench.issues()
    await source.look()
    bench.server.delete(first)
    bench.server.wait(4600)

    assert [second] == await seen(source)


async def test_a_listing_that_breaks_off_goes_on_where_it_was():
    bench = Bench()
    fill(bench.server, 1250)
    bench.server.limit = 10
    source = bench.issues()
    with pytest.raises(RateLimited):
        await source.look()
    before = len(bench.server.calls)
    bench.server.wait(3700)
    bench.server.limit = 5000

    assert (1250, 10, 4) == (len(await seen(source)), before, len(bench.server.calls) - before)


async def test_a_look_that_fails_forgets_nothing():
    """And the next one catches up."""
    bench = Bench()
    (first,) = fill(bench.server, 1)
    source = bench.issues()
    await source.look()
    second = bench.server.open_issue()
    bench.server.wait(INTERVAL)
    bench.server.fail(Answer(502, {}), times=3)
    with pytest.raises(RemoteError):
        await source.look()

    assert [second, first] == await seen(source)


async def test_a_token_that_dies_is_told_and_a_new_one_counts_at_once():
    bench = Bench()
    fill(bench.server, 1)
    await bench.issues().look()
    bench.server.wait(INTERVAL)
    bench.server.people = {"ghp_new": "kelos-bot"}
    with pytest.raises(UserError, match=r"does not know Secret 'git' \(Bad credentials\)"):
        await bench.issues().look()

    assert 1 == len(await seen(bench.issues("ghp_new")))


async def test_without_a_token_people_are_told_so():
    bench = Bench()
    fill(bench.server, 1)

    listing = await bench.issues(token="").look()

    assert (1, True) == (len(listing.sightings), "without a token" in listing.note)


async def test_closed_items_are_kept_only_for_those_who_want_them():
    bench = Bench()
    first, second = fill(bench.server, 2)
    bench.server.edit(first, state="closed")

    looks = [await seen(bench.issues(state=state)) for state in ("open", "closed", "all")]

    assert [[second], [first], [second, first]] == looks


async def test_mirrors_nobody_looks_at_are_dropped():
    bench = Bench()
    await bench.issues().look()
    bench.server.wait(7300)
    await bench.pulls().look()

    assert 1 == len(bench.mirrors._mirrors)
