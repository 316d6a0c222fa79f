"""Two candidates never lead at once, whatever the network, the clocks and the processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest

from kelos.api.kinds import LEASE, Kind, Manifest
from kelos.cluster.lease import Election, LeadershipLost, Terms
from kelos.errors import AlreadyExists, Conflict, NotFound, Unavailable

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


class LeaseServer:
    """One Lease with optimistic locking, and nothing else."""

    def __init__(self) -> None:
        self.lease: Manifest | None = None
        self._version = 0

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest:
        if self.lease is None:
            raise NotFound("no lease")
        return self.lease

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        if self.lease is not None:
            raise AlreadyExists("there is one")
        return self._store(manifest)

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        if self.lease is None:
            raise NotFound("no lease")
        if manifest["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict("look again")
        return self._store(manifest)

    def _store(self, manifest: Manifest) -> Manifest:
        self._version += 1
        self.lease = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(self._version)}}
        return self.lease


class Network:
    """The way of one candidate to the server: slow, lossy, cut off at times; a lost answer may have been a success."""

    def __init__(self, server: LeaseServer, rng: Random) -> None:
        self._server = server
        self._rng = rng
        self.is_bad = True
        self._cut_until = 0.0
        self._late: set[asyncio.Task[Manifest]] = set()

    async def get(self, *arguments: Any) -> Manifest:
        return await self._travel(self._server.get, *arguments)

    async def create(self, *arguments: Any) -> Manifest:
        return await self._travel(self._server.create, *arguments)

    async def replace(self, *arguments: Any) -> Manifest:
        return await self._travel(self._server.replace, *arguments)

    async def _travel(self, verb: Callable[..., Any], *arguments: Any) -> Manifest:
        """The request goes on even when the candidate has stopped waiting for its answer."""
        request = asyncio.ensure_future(self._deliver(verb, *arguments))
        self._late.add(request)
        request.add_done_callback(self._late.discard)
        request.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(request)

    async def _deliver(self, verb: Callable[..., Any], *arguments: Any) -> Manifest:
        await asyncio.sleep(self._delay())
        self._fail_sometimes()
        answer: Manifest = await verb(*arguments)
        await asyncio.sleep(self._delay())
        self._fail_sometimes()
        return answer

    def _delay(self) -> float:
        slowest = self._rng.choice([0.01, 0.01, 1, 12, 40]) if self.is_bad else 0.01
        return self._rng.uniform(0, slowest)

    def _fail_sometimes(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.is_bad and self._rng.random() < 0.03:
            self._cut_until = now + self._rng.uniform(1, 30)
        if self.is_bad and now < self._cut_until:
            raise Unavailable("cut off")


def candidate(cluster: Any, identity: str, rng: Random) -> Election:
    skew = timedelta(seconds=rng.uniform(-3600, 3600))
    return Election(cluster, "kelos-system", "controller", identity, wall=lambda: NOON + skew, rng=rng)


async def stay() -> None:
    await asyncio.Event().wait()


async def campaign(election: Election, rng: Random) -> None:
    """A process that is started again whenever it lost, and sometimes stops of its own accord."""
    while True:
        try:
            async with asyncio.timeout(rng.uniform(20, 300)):
                await election.run(stay, lambda: None)
        except (LeadershipLost, TimeoutError):
            await asyncio.sleep(rng.uniform(0, 5))


@pytest.mark.parametrize("seed", range(15))
async def test_two_candidates_never_lead_at_once(seed: int) -> None:
    """Delays past every deadline, lost answers, skewed clocks; a calm network has a leader again. The seed replays."""
    rng = Random(seed)
    server = LeaseServer()
    networks = [Network(server, rng) for _ in range(3)]
    elections = [candidate(network, f"process-{number}", rng) for number, network in enumerate(networks)]
    processes = [asyncio.create_task(campaign(election, rng)) for election in elections]
    led_in_storm = await count_leading(elections, seconds=600)
    for network in networks:
        network.is_bad = False
    await asyncio.sleep(60)
    led_in_calm = await count_leading(elections, seconds=600)
    for process in processes:
        process.cancel()
    await asyncio.gather(*processes, return_exceptions=True)

    assert led_in_storm > 50
    assert led_in_calm > 540


async def count_leading(elections: list[Election], seconds: int) -> float:
    """For how many of these seconds somebody led; never two of them."""
    ticks = 0
    for _ in range(seconds * 10):
        await asyncio.sleep(0.1)
        leaders = [election for election in elections if election.is_leading]
        assert len(leaders) <= 1
        ticks += len(leaders)
    return ticks / 10


async def test_a_candidate_that_ends_passes_the_lease_on() -> None:
    """A rolling update must not wait for the lease to expire; the work is over before anybody else starts."""
    server, ended = LeaseServer(), []

    async def work() -> None:
        try:
            await stay()
        finally:
            await asyncio.sleep(30)  # longer than the lease: it is renewed while the work winds up
            ended.append(server.holder)

    first, second = (candidate(server, identity, Random(1)) for identity in ("first", "second"))
    running = asyncio.create_task(first.run(work, lambda: None))
    waiting = asyncio.create_task(second.run(stay, lambda: None))
    await asyncio.sleep(5)
    running.cancel()
    await asyncio.wait({running})
    await asyncio.sleep(3)

    assert ["first"] == ended
    assert "second" == server.holder
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_a_leader_without_a_server_gives_up_before_others_take_over() -> None:
    """`on_lost` comes first, so that the process can end at once."""
    server = LeaseServer()
    lost: list[float] = []
    network = Network(server, Random(1))
    network.is_bad = False
    election = candidate(network, "first", Random(1))
    running = asyncio.create_task(election.run(stay, lambda: lost.append(asyncio.get_running_loop().time())))
    await asyncio.sleep(5)
    cut_at = asyncio.get_running_loop().time()
    network._cut_until, network.is_bad = float("inf"), True
    await asyncio.wait({running})

    assert isinstance(running.exception(), LeadershipLost)
    assert lost[0] - cut_at <= Terms().renew_deadline_seconds


async def test_a_lease_from_another_machine_counts_from_when_we_saw_it() -> None:
    """Its times are of a clock that we do not know."""
    server = LeaseServer()
    old = "2001-01-01T00:00:00.000000Z"
    spec = {"holderIdentity": "other", "leaseDurationSeconds": 40, "renewTime": old, "acquireTime": old}
    await server.create(LEASE, {"metadata": {"name": "controller", "namespace": "kelos-system"}, "spec": spec})
    election = candidate(server, "first", Random(1))
    started_at = asyncio.get_running_loop().time()
    await election.acquire()

    assert 40 <= asyncio.get_running_loop().time() - started_at <= 45
    assert 1 == (server.lease or {})["spec"]["leaseTransitions"]


async def test_an_empty_lease_is_free() -> None:
    """Somebody may have created it by hand."""
    server = LeaseServer()
    await server.create(LEASE, {"metadata": {"name": "controller", "namespace": "kelos-system"}})
    election = candidate(server, "first", Random(1))
    await election.acquire()

    assert "first" == server.holder


def test_terms_that_allow_two_leaders_are_refused() -> None:
    """A leader must give up before its lease can expire."""
    with pytest.raises(ValueError, match="must be"):
        Terms(lease_seconds=10, renew_deadline_seconds=10)
