"""Reading GitHub: nothing is asked twice, no list ends early, limits are kept, and no other host sees a token."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from fakes.github_server.answers import Answer
from fakes.github_server.served import served
from fakes.github_server.server import GitHubServer
from github_bench import Bench
from kelos.clients.github import kept, wire
from kelos.clients.github.answers import Missing
from kelos.clients.github.budget import AT_ONCE
from kelos.errors import RateLimited, RemoteError, UserError

pytestmark = pytest.mark.anyio

ISSUES = "/repos/acme/shop/issues"


async def numbers(bench, path=ISSUES, **params):
    return [item["number"] async for page in bench.github.pages(bench.account(), path, params) for item in page]


async def numbers_of(bench, token):
    return [item["number"] async for page in bench.github.pages(bench.account(token), ISSUES) for item in page]


async def test_it_speaks_http():
    """Over a socket, with a client as processes have it."""
    server = GitHubServer()
    number = server.open_issue("Broken")
    with served(server) as url:
        async with httpx.AsyncClient() as client:
            bench = Bench(server, client=client)
            found = await bench.github.get(bench.account(api_url=url), f"{ISSUES}/{number}")

    assert "Broken" == found["title"]


async def test_a_list_is_read_to_its_end():
    """A thousand items are no limit."""
    bench = Bench()
    for _ in range(1234):
        bench.server.open_issue()

    found = await numbers(bench)

    assert (list(range(1234, 0, -1)), 13) == (found, len(bench.server.calls))


async def test_what_is_read_again_costs_nothing():
    """GitHub counts no answer that says: nothing has changed."""
    bench = Bench()
    for _ in range(150):
        bench.server.open_issue()
    first = await numbers(bench)

    assert first == await numbers(bench)
    assert [200, 200, 304, 304] == bench.server.statuses


async def test_what_has_changed_is_seen():
    bench = Bench()
    bench.server.open_issue()
    await numbers(bench)
    bench.server.open_issue()

    assert [2, 1] == await numbers(bench)


async def test_the_same_moment_is_read_once():
    bench = Bench()
    number = bench.server.open_issue()
    for as_of in ("monday", "monday", "tuesday", "tuesday"):
        await bench.github.get(bench.account(), f"{ISSUES}/{number}", as_of=as_of)

    assert [200, 304] == bench.server.statuses


async def test_those_who_ask_at_once_ask_once():
    """And one who goes away takes nothing from the others."""
    bench = Bench()
    number = bench.server.open_issue()
    asked = [asyncio.create_task(bench.github.get(bench.account(), f"{ISSUES}/{number}")) for _ in range(20)]
    await asyncio.sleep(0)
    asked[0].cancel()

    found = await asyncio.gather(*asked[1:])

    assert (1, {number}) == (len(bench.server.calls), {item["number"] for item in found})


async def test_what_was_written_is_seen_by_whoever_asks_later():
    """An answer that was under way before does not count."""
    is_written, is_asked, may_answer = False, asyncio.Event(), asyncio.Event()

    async def handle(request: httpx.Request) -> httpx.Response:
        nonlocal is_written
        answer = [{"id": 1}] if is_written else []
        if request.method == "GET" and not is_written:
            is_asked.set()
            await may_answer.wait()
        is_written = is_written or request.method == "POST"
        return httpx.Response(200, json=answer if request.method == "GET" else {})

    bench = Bench(client=httpx.AsyncClient(transport=httpx.MockTransport(handle)))
    before = asyncio.create_task(bench.github.page(bench.account(), ISSUES))
    await is_asked.wait()
    await bench.github.send(bench.account(), "POST", ISSUES, {})
    async with asyncio.timeout(10):
        after = await bench.github.page(bench.account(), ISSUES)
    may_answer.set()

    assert ([{"id": 1}], []) == (after.items, (await before).items)


async def test_one_account_never_gets_what_another_one_read():
    bench = Bench()
    number = bench.server.open_issue()
    await bench.github.get(bench.account(), f"{ISSUES}/{number}")

    with pytest.raises(UserError, match="GitHub does not know Secret 'git'"):
        await bench.github.get(bench.account("ghp_stranger"), f"{ISSUES}/{number}")


async def test_what_is_kept_has_a_bound():
    store = kept.Store(limit_bytes=10_000)
    for number in range(100):
        store.put("me", str(number), kept.Kept(etag="x", content=b"y" * 1000, link="", as_of=""))
    store.put("me", "large", kept.Kept(etag="x", content=b"y" * (kept.LARGEST_BYTES + 1), link="", as_of=""))

    is_there = [number for number in range(100) if store.find("me", str(number))]
    assert (True, [94, 95, 96, 97, 98, 99], None) == (store.size_bytes <= 10_000, is_there, store.find("me", "large"))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(401, {"message": "Bad credentials"}), UserError, "does not know Secret 'git' (Bad credentials): store"),
        (
            Answer(403, {"message": "Resource not accessible\nby you"}),
            UserError,
            "let Secret 'git' read /repos/acme/shop/issues (Resource",
        ),
        (Answer(404, {"message": "Not Found"}), Missing, "shows Secret 'git' nothing at /repos/acme/shop/issues (Not"),
        (Answer(410, {"message": "Issues are disabled"}), Missing, "(Issues are disabled)"),
        (Answer(422, {"message": "Validation Failed"}), UserError, "it answered 422 (Validation Failed)"),
        (Answer(500, {}), RemoteError, "GitHub answered 500 to GET /repos/acme/shop/issues"),
        (Answer(502, "<html>"), RemoteError, "GitHub answered 502"),
        (Answer(200, {"not": "a list"}), RemoteError, "cannot be read"),
        (Answer(200, [1, 2]), RemoteError, "cannot be read"),
        (Answer(drop=True), RemoteError, "GitHub cannot be reached at https://api.github.com (ReadError)"),
        (Answer(301, {}, {"Location": "https://evil.example/x"}), UserError, "has moved to another host"),
        (Answer(301, {}, {"Location": ISSUES}), RemoteError, "round in circles"),
        (Answer(200, [], {"Link": '<https://evil.example/>; rel="next"'}), RemoteError, "goes on at another host"),
        (Answer(429, {}, {"Retry-After": "30"}), RateLimited, "they go on at 09:00:35 UTC"),
    ],
)
async def test_every_answer_becomes_one_sentence(answer, kind, words):
    """A person reads what to mend; the token is in none."""
    bench = Bench()
    bench.server.fail(answer, times=9)

    with pytest.raises(kind) as caught:
        await numbers(bench)

    text = str(caught.value)
    assert (True, False, False) == (words in text, "\n" in text, "ghp_" in text)


@pytest.mark.parametrize("answer", [Answer(502, {}), Answer(500, {}), Answer(drop=True)])
async def test_a_moment_of_weakness_is_passed_over(answer):
    """Seconds apart: whoever comes back within milliseconds makes it worse."""
    bench = Bench()
    bench.server.open_issue()
    bench.server.fail(answer, times=2)

    assert ([1], [1.0, 2.0]) == (await numbers(bench), bench.slept)


async def test_a_repository_that_was_renamed_is_found():
    bench = Bench()
    bench.server.open_issue()
    bench.server.rename("acme/shop", "acme/store")

    assert [1] == await numbers(bench)


async def test_only_the_account_s_host_sees_the_token():
    """A redirect elsewhere is not followed."""
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://evil.example/steal"})

    bench = Bench(client=httpx.AsyncClient(transport=httpx.MockTransport(handle), follow_redirects=True))
    with pytest.raises(UserError):
        await numbers(bench)

    assert ["api.github.com"] == seen


@pytest.mark.parametrize("content", [b"[" * 100_000, b"<html>", b"\xff\xfe", b"[1" + b"0" * 5000 + b"]", b""])
@pytest.mark.parametrize("status", [200, 403])
async def test_what_is_no_json_is_told(content, status):
    """Deep, broken, or a page of a proxy."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    bench = Bench(client=httpx.AsyncClient(transport=transport))

    with pytest.raises(RemoteError if status == 200 else UserError):
        await numbers(bench)


async def test_a_session_of_one_account_serves_no_other():
    """A gate before an enterprise's GitHub may open one."""
    cookies = []

    def handle(request: httpx.Request) -> httpx.Response:
        cookies.append(request.headers.get("cookie"))
        return httpx.Response(200, json=[], headers={"Set-Cookie": "session=mine; Path=/"})

    bench = Bench(client=httpx.AsyncClient(transport=httpx.MockTransport(handle)))
    await numbers(bench)
    await numbers(bench)

    assert [None, None] == cookies


async def test_an_answer_that_trickles_ends(monkeypatch):
    """Each byte comes in time, the answer does not: one such connection must not hold a TaskSpawner up."""

    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self):
            for _ in range(100):
                yield b" "
                await asyncio.sleep(0.01)
            yield b"[]"

    monkeypatch.setattr(wire, "WHOLE_SECONDS", 0.1)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Trickle()))
    bench = Bench(client=httpx.AsyncClient(transport=transport))

    with pytest.raises(RemoteError, match="cannot be reached"):
        await numbers(bench)


async def test_an_endless_answer_is_cut(monkeypatch):
    monkeypatch.setattr(wire, "LARGEST_BYTES", 1000)
    bench = Bench()
    bench.server.open_issue(body="x" * 2000)

    with pytest.raises(RemoteError, match="larger than 1000 bytes"):
        await numbers(bench)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "30"}), 30),
        (Answer(429, {}, {"Retry-After": "7"}), 7),
        (Answer(403, {"message": "You have exceeded a secondary rate limit. Please wait"}), 60),
        (Answer(429, {}), 60),
    ],
)
async def test_while_github_wants_peace_nothing_is_asked(answer, seconds):
    """Other accounts go on."""
    bench = Bench()
    bench.server.people["ghp_other"] = "other"
    bench.server.open_issue()
    bench.server.fail(answer)
    refusals = []
    for _ in range(5):
        with pytest.raises(RateLimited) as caught:
            await numbers(bench)
        refusals.append(caught.value.retry_at)

    assert ({bench.server.now + timedelta(seconds=seconds + 5)}, 1) == (set(refusals), len(bench.server.calls))
    assert 1 == (await bench.github.get(bench.account("ghp_other"), f"{ISSUES}/1"))["number"]
    bench.server.wait(seconds + 5)
    assert [1] == await numbers(bench)


async def test_who_is_refused_again_and_again_waits_longer():
    bench = Bench()
    bench.server.fail(Answer(429, {}), times=4)
    waits = []
    for _ in range(4):
        with pytest.raises(RateLimited) as caught:
            await numbers(bench)
        waits.append((caught.value.retry_at - bench.server.now).total_seconds() - 5)
        bench.server.now = caught.value.retry_at

    assert [60, 120, 240, 480] == waits


async def test_the_last_of_the_limit_is_left_to_reports():
    """Polling stops before GitHub says no, until the limit starts anew."""
    bench = Bench()
    bench.server.limit = 100
    for number in range(95):
        await bench.github.find(bench.account(), f"{ISSUES}/{number + 1}")

    with pytest.raises(RateLimited) as caught:
        await numbers(bench)
    number = bench.server.open_issue()
    sent = await bench.github.send(bench.account(), "POST", f"{ISSUES}/{number}/comments", {"body": "Done"})

    assert "Done" == sent["body"]
    bench.server.now = caught.value.retry_at
    assert [number] == await numbers(bench)


async def test_what_is_not_there_is_none():
    bench = Bench()

    assert await bench.github.find(bench.account(), f"{ISSUES}/77") is None


async def test_nothing_is_written_without_a_token():
    bench = Bench()
    with pytest.raises(UserError, match="nothing can be written to GitHub without a token"):
        await bench.github.send(bench.account(""), "POST", f"{ISSUES}/1/comments", {"body": "x"})

    assert [] == bench.server.calls


async def test_a_write_is_sent_once():
    """Nobody knows whether it was done: whoever asks has to look."""
    bench = Bench()
    number = bench.server.open_issue()
    bench.server.fail(Answer(lost=True), path="POST")
    with pytest.raises(RemoteError):
        await bench.github.send(bench.account(), "POST", f"{ISSUES}/{number}/comments", {"body": "x"})

    assert 1 == len(bench.server.asked("POST"))


async def test_a_token_that_an_app_lost_is_replaced():
    bench = Bench()
    bench.server.open_issue()
    tokens = ["ghs_revoked"]

    async def give():
        return tokens[0]

    account = bench.account(app_id="1", forget=lambda: tokens.insert(0, "ghp_of-the-bot"))
    object.__setattr__(account, "token", give)

    assert 1 == (await bench.github.get(account, f"{ISSUES}/1"))["number"]


async def test_a_token_that_is_none_is_not_shown_again_and_again():
    """GitHub locks out who guesses. A new token is tried at once: it is another account."""
    bench = Bench()
    bench.server.open_issue()
    for _ in range(20):
        with pytest.raises(UserError, match="GitHub does not know Secret 'git'"):
            await numbers_of(bench, "ghp_dead")

    assert 1 == len(bench.server.calls)
    assert [1] == await numbers(bench)
    bench.server.people["ghp_dead"] = "risen"
    bench.server.wait(61)
    assert [1] == await numbers_of(bench, "ghp_dead")


async def test_github_is_not_asked_by_a_crowd():
    """GitHub punishes those who ask too much at once."""
    now = most = 0

    async def handle(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return httpx.Response(200, json={})

    bench = Bench(client=httpx.AsyncClient(transport=httpx.MockTransport(handle)))
    await asyncio.gather(*(bench.github.get(bench.account(), f"{ISSUES}/{number}") for number in range(100)))

    assert AT_ONCE == most


async def test_requests_are_counted_by_what_they_are_about():
    bench = Bench()
    bench.server.open_issue()
    await numbers(bench)
    await numbers(bench)
    await bench.github.find(bench.account(), "/repos/acme/shop/collaborators/octocat/permission")
    await bench.github.find(bench.account(), "/orgs/acme/teams/core/memberships/octocat")

    want = [
        ("GET", "200", "issues"),
        ("GET", "304", "issues"),
        ("GET", "404", "collaborators"),
        ("GET", "404", "other"),
    ]
    assert want == bench.counts.seen


async def test_nobody_waits_for_a_server_that_answers_nobody():
    """Of a thousand TaskSpawners there one asks now and then; all the others leave room for those of other servers."""
    is_down, asked = True, []
    bench = Bench(client=httpx.AsyncClient(transport=httpx.MockTransport(lambda request: handle(request))))

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        if is_down and request.url.host == "down.example":
            bench.server.wait(10)
            raise httpx.ConnectTimeout("no answer")
        return httpx.Response(200, json={})

    async def read(number: int, host: str = "down.example") -> str:
        try:
            await bench.github.get(bench.account(key=f"key-{number}", api_url=f"https://{host}"), f"/repos/{number}")
        except RemoteError as error:
            return str(error)
        return ""

    assert "GitHub cannot be reached at https://down.example (ConnectTimeout)" == await read(0)
    assert 3 == len(asked)
    said = [await read(number) for number in range(1, 9)]
    assert (3, {"GitHub at https://down.example answers nobody at the moment; it is asked again soon"}) == (
        len(asked),
        set(said),
    )
    assert "" == await read(0, "up.example")

    bench.server.wait(31)
    said = [await read(number) for number in range(9)]
    assert (5, 9) == (len(asked), len([text for text in said if text]))

    is_down = False
    bench.server.wait(31)
    assert {""} == {await read(number) for number in range(9)}
