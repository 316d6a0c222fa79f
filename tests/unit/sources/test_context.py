"""Context sources over real HTTP: what is sent where, what comes back, and what happens when it does not."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from datetime import datetime, timezone

import httpx
import pytest

import app_keys
import make
from fakes.github_app import GitHub
from fakes.web import Page, served
from kelos.api.context_source import ContextSource
from kelos.clients.account import Accounts
from kelos.clients.guarded import guarded_client, is_forbidden
from kelos.clients.token_desk import TokenDesk
from kelos.errors import RemoteError, UserError
from kelos.sources.context.fetch import ContextFetcher

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 29, 9, 0, tzinfo=timezone.utc)
VARIABLES = {"ID": "42", "Title": "It & that", "Body": "a\r\nHost: evil", "URL": ""}


def source(name: str = "info", *, policy: str = "Fail", **http: object) -> ContextSource:
    return ContextSource.model_validate(
        {"name": name, "failurePolicy": policy, "http": {"allowInsecure": True, "timeoutSeconds": 2, **http}}
    )


def secret(name: str, **data: str):
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": make.NAMESPACE},
        "data": encoded,
    }


class Bench:
    """A fetcher with Secrets, and a GitHub that knows an App."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.github = GitHub(app_keys.app(), now=NOW.timestamp)
        self.secrets = {"app": app_keys.stored_secret(), "key": secret("key", TOKEN="s3cr3t-value\n")}
        desk = TokenDesk(app_keys.client(self.github), now=lambda: NOW, monotonic=lambda: 0.0, chance=lambda: 0.0)
        self.fetcher = ContextFetcher(client, Accounts(desk, now=lambda: NOW))
        self.read: list[str] = []

    async def read_secret(self, name: str):
        self.read.append(name)
        if name not in self.secrets:
            raise UserError(f"Secret '{name}' does not exist; create it")
        return self.secrets[name]

    async def fetch(self, *sources: ContextSource, **variables: object):
        return await self.fetcher.fetch(sources, {**VARIABLES, **variables}, self.read_secret)


@asynccontextmanager
async def bench():
    with served() as web:
        async with guarded_client(may_reach_loopback=True) as client:
            yield Bench(client), web


async def test_all_sources_are_asked_at_once():
    """Ten slow answers take as long as one."""
    async with bench() as (b, web):
        web.barrier(3)
        names = ("one", "two", "three")
        for name in names:
            web.pages[f"/{name}"] = Page(body=name, meets=True)

        found = await b.fetch(*(source(name, url=f"{web.url}/{name}") for name in names))

        assert {"one": "one", "two": "two", "three": "three"} == found.values
        assert () == found.warnings


async def test_templates_say_what_is_sent():
    async with bench() as (b, web):
        await b.fetch(
            source(
                url=web.url + "/items/{{.ID}}?q={{.Title | urlquery}}",
                method="POST",
                headers={"X-Item": "{{.ID}}", "X-Title": "é {{.Title}}"},
                body='{"id": {{.ID}}}',
            )
        )
        (asked,) = web.asked

        assert ("POST", "/items/42?q=It+%26+that", '{"id": 42}') == (asked.method, asked.target, asked.body)
        assert ("42", "é It & that") == (asked.headers["x-item"], asked.headers["x-title"].encode("latin-1").decode())
        assert "application/json" == asked.headers["content-type"]


async def test_a_content_type_of_ones_own_is_kept():
    async with bench() as (b, web):
        await b.fetch(source(url=web.url, method="POST", headers={"content-type": "text/plain"}, body="x"))

        assert "text/plain" == web.asked[0].headers["content-type"]


async def test_headers_come_from_secrets_and_win():
    async with bench() as (b, web):
        headers = [{"header": name, "secretName": "key", "secretKey": "TOKEN"} for name in ("Authorization", "X-Two")]
        await b.fetch(source(url=web.url, headers={"Authorization": "weak"}, headersFrom=headers))

        assert ["s3cr3t-value"] * 2 == [web.asked[0].headers[name] for name in ("authorization", "x-two")]
        assert ["key"] == b.read


async def test_an_app_signs_in_with_a_token_of_the_installation():
    async with bench() as (b, web):
        await b.fetch(source(url=web.url + "/repos", githubAppAuth={"secretRef": {"name": "app"}}))
        await b.fetch(source(url=web.url + "/repos", githubAppAuth={"secretRef": {"name": "app"}}))

        (token,) = b.github.minted
        assert [f"token {token.text}"] * 2 == [asked.headers["authorization"] for asked in web.asked]
        assert [{}] == b.github.asked


async def test_an_app_does_not_sign_in_where_somebody_has():
    async with bench() as (b, web):
        app = {"secretRef": {"name": "app"}}
        await b.fetch(source(url=web.url, headers={"authorization": "Bearer x"}, githubAppAuth=app))

        assert ("Bearer x", []) == (web.asked[0].headers["authorization"], b.github.minted)


@pytest.mark.parametrize(
    ("expression", "expected"), [("$.name", "a b"), ("$.list", '["x",1]'), ("$.flag", "true"), ("name", "a b")]
)
async def test_a_part_of_the_answer_is_taken(expression, expected):
    async with bench() as (b, web):
        web.pages["/"] = Page(body=json.dumps({"name": "a b", "list": ["x", 1], "flag": True}))

        found = await b.fetch(source(url=web.url, responseFilter={"type": "JSONPath", "expression": expression}))

        assert expected == found.values["info"]


FAILURES = [
    ({"url": "{web}/missing"}, RemoteError, "answered 404 \\(Not Found\\)"),
    ({"url": "{web}/long"}, RemoteError, "more than 32768 bytes"),
    (
        {"url": "{web}/long", "maxResponseBytes": 131072, "responseFilter": {"expression": "$.x"}},
        UserError,
        "is no JSON",
    ),
    ({"url": "{web}/hang", "timeoutSeconds": 1}, RemoteError, "did not answer within 1 s"),
    ({"url": "{web}/drop"}, RemoteError, "cannot be reached \\(RemoteProtocolError\\)"),
    ({"url": "{web}/loop"}, RemoteError, "redirects more than 10 times"),
    ({"url": "{web}/{{.Nothing}}"}, UserError, "template in url cannot be rendered: .*Nothing"),
    ({"url": "{web}/x", "headers": {"X": "{{.Body}}"}}, UserError, "header 'X' has line breaks"),
    ({"url": "{web}/x", "headers": {"Host": "evil"}}, UserError, "header 'Host' is none that can be set"),
    (
        {"url": "{web}/x", "headersFrom": [{"header": "X", "secretName": "no", "secretKey": "k"}]},
        UserError,
        "'no' does not exist",
    ),
    (
        {"url": "{web}/x", "headersFrom": [{"header": "X", "secretName": "key", "secretKey": "k"}]},
        UserError,
        "has no key 'k'",
    ),
    ({"url": "{web}/x", "githubAppAuth": {"secretRef": {"name": "key"}}}, UserError, "key"),
    ({"url": "http://example.invalid/", "allowInsecure": False}, UserError, "must begin with https://"),
    ({"url": "http://no-such-host.invalid/"}, RemoteError, "cannot be reached \\(ConnectError\\)"),
]


def prepare_failures(web) -> None:
    web.pages["/missing"] = Page(404, "gone")
    web.pages["/long"] = Page(body="x" * 40_000)
    web.pages["/hang"] = Page(hangs=True)
    web.pages["/drop"] = Page(drops=True)
    web.pages["/loop"] = Page(302, headers={"Location": "/loop"})


@pytest.mark.parametrize(("http", "kind", "words"), FAILURES)
async def test_a_failure_names_its_source(http, kind, words):
    """Nobody can mend what is not named; no secret is."""
    async with bench() as (b, web):
        prepare_failures(web)
        http = {**http, "url": http["url"].replace("{web}", web.url)}
        with pytest.raises(kind, match=f"Context source 'info' failed: .*{words}") as caught:
            await b.fetch(source(**http))

        assert ("s3cr3t" in str(caught.value), "evil" in str(caught.value)) == (False, False)


async def test_a_failure_that_is_ignored_is_an_empty_value_and_a_warning():
    async with bench() as (b, web):
        prepare_failures(web)
        web.pages["/good"] = Page(body="fine")

        found = await b.fetch(
            source("bad", policy="Ignore", url=web.url + "/missing"), source("good", url=web.url + "/good")
        )

        assert {"bad": "", "good": "fine"} == found.values
        assert ("Context source 'bad' failed: " + f"{web.url} answered 404 (Not Found)",) == found.warnings


async def test_the_first_failure_ends_the_others():
    """What nobody will use is not waited for."""
    async with bench() as (b, web):
        prepare_failures(web)
        slow, bad = source("slow", url=web.url + "/hang", timeoutSeconds=60), source("bad", url=web.url + "/missing")
        async with asyncio.timeout(50):
            with pytest.raises(RemoteError, match="'bad' failed"):
                await b.fetch(slow, bad)


async def test_a_redirect_to_another_site_takes_no_secret_along():
    with served() as other:
        async with bench() as (b, web):
            web.pages["/here"] = Page(307, headers={"Location": "/there"})
            web.pages["/there"] = Page(307, headers={"Location": other.url + "/end"})
            headers = [{"header": "X-Key", "secretName": "key", "secretKey": "TOKEN"}]
            basic = {"Authorization": "Basic eDp5", "Accept": "text/plain"}

            await b.fetch(source(url=web.url + "/here", method="POST", body="{}", headers=basic, headersFrom=headers))

            assert ["s3cr3t-value"] * 2 == [asked.headers["x-key"] for asked in web.asked]
            (asked,) = other.asked
            assert ("POST", "{}", "text/plain") == (asked.method, asked.body, asked.headers["accept"])
            assert not {"x-key", "authorization"} & set(asked.headers)


async def test_what_a_site_wants_remembered_is_forgotten():
    """A session that it opened for one TaskSpawner must not be another one's."""
    async with bench() as (b, web):
        web.pages["/login"] = Page(302, headers={"Set-Cookie": "session=of-the-first; Path=/", "Location": "/x"})
        await b.fetch(source(url=web.url + "/login"))
        await b.fetch(source(url=web.url + "/x"), source("own", url=web.url + "/x", headers={"Cookie": "mine=1"}))

        sent = [asked.headers.get("cookie", "") for asked in web.asked]
        assert (["", ""], {"", "mine=1"}) == (sent[:2], set(sent[2:]))


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (308, "POST")])
async def test_a_post_becomes_a_get_where_the_answer_is_elsewhere(status, method):
    async with bench() as (b, web):
        web.pages["/here"] = Page(status, headers={"Location": "/there"})
        await b.fetch(source(url=web.url + "/here", method="POST", body="x"))

        assert (method, "" if method == "GET" else "x") == (web.asked[1].method, web.asked[1].body)


@pytest.mark.parametrize(
    ("http", "words"),
    [
        ({"headersFrom": [{"header": "X", "secretName": "key", "secretKey": "TOKEN"}]}, "headersFrom sends secrets"),
        ({"githubAppAuth": {"secretRef": {"name": "app"}}}, "only at api.github.com"),
    ],
)
async def test_no_secret_goes_to_a_host_that_the_item_chose(http, words):
    async with bench() as (b, web):
        with pytest.raises(UserError, match=words):
            await b.fetch(source(url="{{.URL}}", **http), URL=web.url + "/x")

        assert [] == web.asked


async def test_what_an_item_chose_is_asked_without_secrets():
    async with bench() as (b, web):
        web.pages["/x"] = Page(body="public")

        assert "public" == (await b.fetch(source(url="{{.URL}}"), URL=web.url + "/x")).values["info"]


async def test_nothing_to_fetch_is_nothing():
    async with bench() as (b, _):
        assert {} == (await b.fetch()).values


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254"]
)
async def test_the_controllers_own_machine_is_not_asked(host):
    """It and the addresses beside it give credentials to whoever asks from there."""
    with served() as web:
        async with guarded_client(may_reach_loopback=False) as client:
            with pytest.raises(UserError, match="of this machine or of its neighbourhood"):
                await Bench(client).fetch(source(url=web.url.replace("127.0.0.1", host) + "/x"))

        assert [] == web.asked


async def test_a_redirect_to_this_machine_is_not_followed(monkeypatch):
    with served() as web:
        async with guarded_client(may_reach_loopback=True) as client:
            web.pages["/here"] = Page(302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
            with pytest.raises(UserError, match="of its neighbourhood"):
                await Bench(client).fetch(source(url=web.url + "/here"))


@pytest.mark.parametrize(
    "settings",
    [{"HTTPS_PROXY": "http://127.0.0.1:9"}, {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,example.test"}],
    ids=["for another scheme", "that is passed by"],
)
async def test_a_proxy_opens_no_way_around_itself(monkeypatch, settings):
    """What it is not asked for it cannot decide."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with served() as web:
        async with guarded_client(may_reach_loopback=False) as client:
            with pytest.raises(UserError, match="of this machine or of its neighbourhood"):
                await Bench(client).fetch(source(url=web.url + "/x"))

        assert [] == web.asked


async def test_a_proxy_decides_what_can_be_reached(monkeypatch):
    """It may stand on a machine that we do not ask ourselves, and resolves names."""
    with served() as web:
        monkeypatch.setenv("HTTP_PROXY", web.url)
        web.pages["http://inside.test/x"] = Page(body="found")
        async with guarded_client(may_reach_loopback=False) as client:
            found = await Bench(client).fetch(source(url="http://inside.test/x"))

    assert ["found"] == list(found.values.values())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("93.184.216.34", False),
        ("2606:2800:220:1::1", False),
        ("fd12:3456::1", False),
        ("127.8.8.8", True),
        ("::1", True),
        ("169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("100.100.100.200", True),
        ("0.0.0.0", True),
        ("::", True),
        ("224.0.0.1", True),
        ("::ffff:169.254.169.254", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("2002:7f00:1::", True),
        ("255.255.255.255", True),
    ],
)
def test_which_addresses_are_forbidden(address, expected):
    """Private networks are where one's own services are."""
    assert expected == is_forbidden(address, may_reach_loopback=False)
