"""Secrets become accounts: which credentials count, how long a token is used, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime, timedelta, timezone

import pytest

import app_keys
from fakes.github_app import Answer, GitHub
from kelos.clients.account import Accounts
from kelos.clients.token_desk import TokenDesk
from kelos.errors import RemoteError, UserError

pytestmark = pytest.mark.anyio

START = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
API = "https://api.github.com"


class Bench:
    """Accounts, the GitHub that gives tokens, and a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = START
        self.github = GitHub(app_keys.app(repositories=("shop", "vault")), now=lambda: self.now.timestamp())
        desk = TokenDesk(
            app_keys.client(self.github),
            now=lambda: self.now,
            monotonic=lambda: (self.now - START).total_seconds(),
            chance=lambda: 1.0,
        )
        self.accounts = Accounts(desk, now=lambda: self.now)

    def app(self, version="1", repository="acme/shop"):
        return self.accounts.of(app_keys.stored_secret(version=version), api_url=API, repository=repository)

    def of(self, **data):
        secret = {"metadata": {"name": "git", "uid": "u", "resourceVersion": "1"}, "data": encoded(data)}
        return self.accounts.of(secret, api_url=API, repository="acme/shop")


def encoded(data):
    return {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}


async def test_without_a_secret_nobody_signs_in():
    account = Bench().accounts.of(None, api_url=API, repository="acme/shop")

    assert (True, "") == (account.is_anonymous, await account.token())


async def test_a_personal_token_is_used_as_it_is_stored():
    """Secrets made from files end with a line break."""
    account = Bench().of(GITHUB_TOKEN="ghp_abc\n")

    assert ("ghp_abc", False, False) == (await account.token(), account.is_app, account.is_anonymous)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Secret 'git' does not sign in to GitHub: it has neither the key 'GITHUB_TOKEN' nor appID"),
        ({"GITHUB_TOKEN": " \n"}, "its key 'GITHUB_TOKEN' is no token; store it again"),
        ({"GITHUB_TOKEN": "a\r\nX-Evil: 1"}, "its key 'GITHUB_TOKEN' is no token; store it again"),
        ({"appID": "1", "installationID": "x", "privateKey": "k"}, "its key 'installationID' is not a number"),
    ],
)
async def test_a_secret_that_cannot_sign_in_is_told_by_its_key(data, sentence):
    with pytest.raises(UserError, match=sentence):
        Bench().of(**data)


async def test_the_keys_of_an_app_go_before_a_token_beside_them():
    account = Bench().of(**app_keys.app_data(), GITHUB_TOKEN="ghp_abc")

    assert (True, app_keys.APP_ID) == (account.is_app, account.app_id)


async def test_accounts_are_shared_by_what_they_may_do():
    """The same token in two Secrets is one account; another token, another GitHub or another grant is another one."""
    bench = Bench()
    token = bench.of(GITHUB_TOKEN="ghp_abc")

    assert token.key == bench.of(GITHUB_TOKEN="ghp_abc", other="x").key
    keys = {token.key, bench.of(GITHUB_TOKEN="ghp_xyz").key, bench.app().key, bench.app(repository="vault").key}
    assert 4 == len(keys)


async def test_nothing_shows_a_credential():
    bench = Bench()
    shown = "".join(f"{account!r}{account}{account.key}" for account in (bench.of(GITHUB_TOKEN="ghp_abc"), bench.app()))

    assert (False, False) == ("ghp_abc" in shown, "PRIVATE" in shown)


async def test_a_token_of_an_app_is_used_until_five_minutes_before_its_end():
    bench = Bench()
    first = await bench.app().token()
    bench.now += timedelta(minutes=54)
    assert first == await bench.app().token()

    bench.now += timedelta(minutes=1, seconds=1)

    assert (True, 2) == (first != await bench.app().token(), len(bench.github.minted))


async def test_many_who_ask_at_once_get_one_token():
    bench = Bench()

    tokens = await asyncio.gather(*(bench.app().token() for _ in range(50)))

    assert (1, 1) == (len(set(tokens)), len(bench.github.minted))


async def test_an_old_token_serves_until_its_end_when_there_is_no_new_one():
    bench = Bench()
    first = await bench.app().token()
    bench.now += timedelta(minutes=56)
    bench.github.faults = [Answer(500, {}), Answer(500, {})]

    assert first == await bench.app().token()
    bench.now += timedelta(minutes=5)
    with pytest.raises(RemoteError, match="Secret 'app' gives no GitHub token"):
        await bench.app().token()


async def test_a_changed_secret_counts_at_once():
    bench = Bench()

    assert await bench.app(version="1").token() != await bench.app(version="2").token()


async def test_a_token_that_github_took_back_is_replaced():
    bench = Bench()
    first = await bench.app().token()

    bench.app().forget()

    assert first != await bench.app().token()


async def test_a_clock_that_is_an_hour_ahead_does_not_mint_with_every_request():
    bench = Bench()
    bench.github.now = lambda: bench.now.timestamp() + 300
    bench.github.token_seconds = 1.0

    assert await bench.app().token() == await bench.app().token()
