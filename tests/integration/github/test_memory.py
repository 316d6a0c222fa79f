"""A server that lists without end, and more lists than fit: nothing is taken for all of it that is not."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from github_bench import Bench, seen
from kelos.errors import RemoteError, UserError
from kelos.sources.shelf import NoRoom, Shelf

pytestmark = pytest.mark.anyio

BASE = "https://github.test"


def endless(pages: list[int], size: int = 100) -> httpx.AsyncClient:
    """Each page has more issues, each with a hundred labels, and a next one."""

    def handle(request: httpx.Request) -> httpx.Response:
        pages.append(len(pages))
        first = len(pages) * size
        labels = [{"name": f"{first}-{n}-" + "x" * 1000} for n in range(100)]
        items = [
            {"number": first + n, "created_at": "2026-01-01T00:00:00Z" * 99, "updated_at": "2030-01-01T00:00:00Z" * 99,
             "state": "open", "labels": labels, "user": {"login": "y" * 5000}}
            for n in range(size)
        ]  # fmt: skip
        return httpx.Response(
            200, json=items, headers={"link": f'<{request.url.copy_set_param("page", first)}>; rel="next"'}
        )

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


async def test_a_list_without_end_is_told_of_and_takes_no_more_than_its_share():
    """It would fill the memory of everybody's controller, page by page, and each time again."""
    pages: list[int] = []
    shelf = Shelf(limit_bytes=8 * 1024 * 1024)
    bench = Bench(client=endless(pages), shelf=shelf)
    for _ in range(2):
        with pytest.raises(
            UserError, match=r"The list of issues of acme/shop takes more than 4 MiB, the most .*--source-memory"
        ):
            await bench.issues().look()
        assert 0 == shelf.size_bytes

    assert len(pages) < 40


async def test_a_mirror_that_made_room_is_read_again_and_shows_the_same():
    shelf = Shelf(limit_bytes=100_000)
    bench = Bench(shelf=shelf)
    numbers = {bench.server.open_issue() for _ in range(60)}
    bench.server.wait(3600)
    source = bench.issues(owner="team")
    assert numbers == set(await seen(source))
    bench.server.wait(60)
    asked = len(bench.server.calls)
    other = shelf.place("team", "Something else")
    shelf.resize(other, 49_000)
    shelf.resize(shelf.place("team", "And more"), 49_000)

    assert numbers == set(await seen(source))
    assert 2 == len(bench.server.calls) - asked
    assert shelf.size_bytes <= 100_000


async def test_a_list_that_makes_room_while_it_is_read_is_not_taken_for_all_there_is():
    """Items that are not listed count as gone."""
    shelf = Shelf(limit_bytes=400_000)
    bench = Bench(shelf=shelf)
    for _ in range(150):
        bench.server.open_issue()
    bench.server.wait(3600)
    fetch, calls = bench.github.page, []

    async def page(*args: Any, **options: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            for n in range(2):
                shelf.resize(shelf.place("team", f"Something else {n}"), 199_000)
        return await fetch(*args, **options)

    bench.github.page = page  # type: ignore[method-assign]
    source = bench.issues(owner="team")
    with pytest.raises(NoRoom):
        await source.look()

    assert 150 == len(await seen(source))


async def test_what_spawners_made_of_a_list_counts_too():
    """Each wants something else of it."""
    shelf = Shelf()
    bench = Bench(shelf=shelf)
    for _ in range(100):
        bench.server.open_issue(labels=("bug",))
    bench.server.wait(3600)
    await bench.issues().look()
    before = shelf.size_bytes
    await bench.issues(labels=["bug"]).look()

    assert shelf.size_bytes - before > 100 * 200


async def test_what_spawners_made_of_a_list_is_not_why_it_is_too_large():
    """It is kept to spare work, and need not be."""
    shelf = Shelf(limit_bytes=150_000)
    bench = Bench(shelf=shelf)
    for n in range(100):
        bench.server.open_issue(labels=(f"bug-{n % 20}", "all"))
    bench.server.wait(3600)
    for n in range(20):
        assert 5 == len(await seen(bench.issues(labels=[f"bug-{n}"])))
        assert 100 == len(await seen(bench.issues(labels=["all"], excludeLabels=[f"none-{n}"])))

    assert shelf.size_bytes <= 75_000


async def test_a_number_that_no_issue_has_is_no_issue():
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[{"number": 10**30, "updated_at": "", "created_at": ""}])

    bench = Bench(client=httpx.AsyncClient(transport=httpx.MockTransport(handle)))
    with pytest.raises(RemoteError, match="GitHub listed something without a number"):
        await bench.issues().look()


async def test_many_lists_at_once_stay_within_the_limit():
    """They are read at the same time, and each takes its turn to be dropped."""
    shelf = Shelf(limit_bytes=400_000)
    bench = Bench(shelf=shelf)
    names = [bench.server.add_repository(f"acme/shop-{n}").name for n in range(12)]
    for name in names:
        for _ in range(100):
            bench.server.open_issue(repository=name)
    bench.server.wait(3600)
    sources = [bench.issues(owner=f"team-{n % 3}", repository=name) for n, name in enumerate(names)]
    for _ in range(5):
        found = await asyncio.gather(*(seen(source) for source in sources), return_exceptions=True)
        assert shelf.size_bytes <= 400_000
        assert all(isinstance(each, NoRoom) or len(each) == 100 for each in found)  # type: ignore[arg-type]
        bench.server.wait(60)
