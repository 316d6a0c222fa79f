"""Tokens of GitHub Apps over the life of a Task, in virtual time: what the pod finds, what it costs, what is told."""

from __future__ import annotations

import base64
import json

import pytest

import app_keys
import make
from fakes.github_app import Answer
from kelos.api.kinds import EVENT, JOB, SECRET, TASK, WORKSPACE, Kind
from kelos.errors import NotFound, Unavailable
from world import Process, Run, World, settle

pytestmark = pytest.mark.anyio

DEATHS = [None, 1, 2, 3, 4, 5, 6, 7, 8]
KEY = ("team", "fix-bug")
OWN = "fix-bug-github-token"


async def with_app(world: World, **spec: object) -> None:
    await world.create(SECRET, app_keys.app_secret())
    await world.create(WORKSPACE, make.workspace_manifest(secretRef={"name": "app"}))
    await world.create(TASK, make.task_manifest(workspaceRef={"name": "repo"}, **spec))


async def mounted(world: World) -> str:
    """The token as the pod's file has it."""
    secret = await world.cluster.get(SECRET, make.NAMESPACE, OWN)
    return base64.b64decode(secret["data"]["GITHUB_TOKEN"]).decode()


async def reasons(world: World) -> list[str]:
    return [event["reason"] for event in await world.all(EVENT)]


async def agent_at_work(world: World) -> Process:
    """A Task whose agent has started and does not end."""
    world.kubernetes.runs = [Run(stays=True)]
    await with_app(world)
    process = await world.run_process()
    for _ in range(6):
        await world.catch_up()
        await process.reconcile(KEY)
        await world.kubernetes.step()
    assert "Running" == (await world.task())["status"]["phase"]
    return process


async def looked(world: World, process: Process, seconds: float) -> None:
    """Let that much time pass as the controller's own clock would have it: it looks when it said it would."""
    until = world.now().timestamp() + seconds
    while True:
        await world.catch_up()
        again = await process.reconcile(KEY)
        await world.kubernetes.step()
        left = until - world.now().timestamp()
        if again is None or again >= left:
            world.sleep(max(0.0, left))
            return
        world.sleep(again + 0.01)


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_task_starts_with_a_token_however_the_controller_dies(dies_after):
    """A crash between minting and keeping costs one more token, never another run."""
    async with World() as world:
        await with_app(world)

        await settle(world, await world.run_process(dies_after))

        assert ("Succeeded", ["fix-bug"]) == ((await world.task())["status"]["phase"], world.kubernetes.started)
        assert world.github.is_open(await mounted(world), "shop")
        assert len(world.github.minted) <= 2


async def test_one_token_is_enough_for_a_short_task():
    async with World() as world:
        await with_app(world)

        await settle(world, await world.run_process())

        assert 1 == len(world.github.minted)


async def test_a_running_agent_never_finds_an_expired_token():
    """Ten hours long, the file holds a token with at least some minutes to live."""
    async with World() as world:
        process = await agent_at_work(world)

        for _ in range(600):
            await looked(world, process, 60.0)
            held = await mounted(world)
            (minted,) = [one for one in world.github.minted if one.text == held]
            assert minted.expires_at - world.now().timestamp() > 8 * 60

        assert 12 <= len(world.github.minted) <= 14
        assert ("Running", "GitHubTokenRefreshed" in await reasons(world)) == (
            (await world.task())["status"]["phase"],
            True,
        )


async def test_a_github_that_is_away_for_minutes_is_bridged():
    """The old token has that much time left."""
    async with World() as world:
        process = await agent_at_work(world)
        await looked(world, process, 45 * 60.0)
        world.github.faults = [Answer(503, {})] * 5

        await looked(world, process, 14 * 60.0)

        assert [] == world.github.faults
        assert world.github.is_open(await mounted(world), "shop")
        assert "GitHubTokenRefreshFailed" in await reasons(world)
        assert "Running" == (await world.task())["status"]["phase"]


async def test_a_github_that_stays_away_does_not_end_a_running_task():
    """The agent may not need it any more."""
    async with World() as world:
        process = await agent_at_work(world)
        asked = len(world.github.asked)
        world.github.faults = [Answer(500, {})] * 1000

        await looked(world, process, 3 * 3600.0)

        assert "Running" == (await world.task())["status"]["phase"]
        assert 20 < len(world.github.asked) - asked < 120


async def test_an_apps_secret_that_is_gone_is_told_and_used_again_when_it_is_back():
    """The running agent keeps what it has meanwhile."""
    async with World() as world:
        process = await agent_at_work(world)
        await world.cluster.delete(SECRET, make.NAMESPACE, "app")
        await looked(world, process, 52 * 60.0)
        told = [e["message"] for e in await world.all(EVENT) if e["reason"] == "GitHubTokenRefreshFailed"]
        await world.create(SECRET, app_keys.app_secret())

        await looked(world, process, 60.0)

        assert ["Secret 'app' with the GitHub App's key does not exist; create it"] == [
            message.partition(": ")[2] for message in told
        ]
        assert ("Running", 2) == ((await world.task())["status"]["phase"], len(world.github.minted))


async def test_a_task_without_a_token_waits_wakes_and_runs():
    async with World() as world:
        await world.create(SECRET, app_keys.app_secret(privateKey="broken"))
        await world.create(WORKSPACE, make.workspace_manifest(secretRef={"name": "app"}))
        await world.create(TASK, make.task_manifest(workspaceRef={"name": "repo"}))
        process = await world.run_process()
        for _ in range(3):
            await world.catch_up()
            await process.reconcile(KEY)
        status = (await world.task())["status"]
        assert ("Waiting", "TokenUnavailable") == (status["phase"], status["reason"])
        assert "its key 'privateKey' is no private key in PEM form" in status["message"]

        await world.cluster.patch(SECRET, make.NAMESPACE, "app", {"stringData": {"privateKey": app_keys.pem()}})
        await settle(world, process)

        assert "Succeeded" == (await world.task())["status"]["phase"]


@pytest.mark.parametrize("dies_after", DEATHS)
async def test_a_task_that_gets_no_token_fails_after_its_start_timeout(dies_after):
    async with World() as world:
        world.github.faults = [Answer(500, {})] * 1000
        await with_app(world, startTimeoutSeconds=60)

        await settle(world, await world.run_process(dies_after))

        status = (await world.task())["status"]
        assert ("Failed", "TokenUnavailable") == (status["phase"], status["reason"])
        assert "answered 500 (gave up after 60 seconds)" in status["message"]
        assert ([], []) == (world.kubernetes.started, await world.all(JOB))


async def test_a_strangers_secret_of_the_tokens_name_is_left_alone():
    """And no token is asked for that could not be kept."""
    async with World() as world:
        await with_app(world, startTimeoutSeconds=60)
        await world.create(SECRET, make.secret_manifest(OWN, GITHUB_TOKEN="precious"))

        await settle(world, await world.run_process())

        status = (await world.task())["status"]
        assert ("Failed", "precious", []) == (status["phase"], await mounted(world), world.github.minted)
        assert f"A Secret called '{OWN}' exists and does not belong to Task 'fix-bug'" in status["message"]


class FailsToKeep:
    """A cluster whose writes of the token's Secret fail the first time, having been done or not."""

    def __init__(self, cluster: object, *, is_done: bool) -> None:
        self._cluster = cluster
        self._is_done = is_done
        self._left = 1

    def __getattr__(self, name: str) -> object:
        return getattr(self._cluster, name)

    async def create(self, kind: Kind, manifest: dict, **options: object) -> object:
        if kind is SECRET and self._left:
            self._left -= 1
            if self._is_done:
                await self._cluster.create(kind, manifest, **options)
            raise Unavailable("the API server went away")
        return await self._cluster.create(kind, manifest, **options)


@pytest.mark.parametrize(("is_done", "tokens"), [(True, 1), (False, 2)])
async def test_a_write_that_fails_costs_at_most_one_more_token(is_done, tokens):
    async with World() as world:
        await with_app(world)

        await settle(world, await world.run_process(through=FailsToKeep(world.cluster, is_done=is_done)))

        assert ("Succeeded", tokens) == ((await world.task())["status"]["phase"], len(world.github.minted))


async def test_keys_and_tokens_are_in_secrets_only():
    """Not in the Task, its Job, pods, events or Leases."""
    async with World() as world:
        await with_app(world, branch="feature")
        await settle(world, await world.run_process())

        everything = json.dumps([m for kind in (TASK, JOB, EVENT, WORKSPACE) for m in await world.all(kind)])

        words = [await mounted(world), app_keys.pem()[40:60], base64.b64encode(app_keys.pem().encode()).decode()[:40]]
        assert [] == [word for word in words if word in everything]


async def test_the_secret_says_what_its_token_is_for_and_until_when():
    async with World() as world:
        await with_app(world)
        await settle(world, await world.run_process())

        meta = (await world.cluster.get(SECRET, make.NAMESPACE, OWN))["metadata"]
        assert ("app", "https://github.com/acme/shop") == (
            meta["annotations"]["kelos.dev/github-app-secret"],
            meta["annotations"]["kelos.dev/token-repository"],
        )
        assert meta["annotations"]["kelos.dev/token-expires-at"].endswith("Z")


async def test_the_token_goes_with_its_task():
    async with World() as world:
        await with_app(world)
        process = await settle(world, await world.run_process())
        await world.cluster.delete(TASK, make.NAMESPACE, "fix-bug")

        await settle(world, process)

        with pytest.raises(NotFound):
            await world.cluster.get(SECRET, make.NAMESPACE, OWN)
