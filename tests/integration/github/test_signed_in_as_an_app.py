"""An App from its Secret to a work item, over HTTP: its token opens one repository, and is renewed when it dies."""

from __future__ import annotations

import httpx
import pytest

import app_keys
from fakes import github_app
from fakes.github_server.served import served
from fakes.github_server.server import GitHubServer
from github_bench import Bench
from kelos.api.github_sources import GitHubIssues
from kelos.clients.account import Accounts
from kelos.clients.github.answers import Missing
from kelos.clients.token_desk import TokenDesk
from kelos.sources.github.issues import Issues
from kelos.sources.github.items.where import Where

pytestmark = pytest.mark.anyio


async def test_an_app_finds_issues_of_its_repository_only():
    server = GitHubServer()
    server.apps = github_app.GitHub(app_keys.app(repositories=("shop", "vault")), now=lambda: server.now.timestamp())
    server.add_repository("acme/vault")
    number = server.open_issue()
    with served(server) as url:
        async with httpx.AsyncClient() as client:
            bench = Bench(server, client=client)
            desk = TokenDesk(client, now=lambda: server.now, monotonic=lambda: 0.0, chance=lambda: 0.0)
            accounts = Accounts(desk, now=lambda: server.now)
            account = accounts.of(app_keys.stored_secret(), api_url=url, repository="acme/shop")
            where = Where(api_url=url, repository="acme/shop")
            source = Issues(bench.github, bench.mirrors, account, where, GitHubIssues(), poll_seconds=60)
            first = (await source.look()).sightings
            with pytest.raises(Missing):
                await bench.github.get(account, "/repos/acme/vault")
            server.apps.revoke()
            server.wait(60)
            item = await source.read((await source.look()).sightings[0])

    assert item is not None
    assert (1, number, 2) == (len(first), item.variables["Number"], len(server.apps.minted))
