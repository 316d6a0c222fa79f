"""One leader among several processes, by a Lease.

    waiting ──the lease is free, or nobody renewed it for its whole duration──▶ leading ──renewed too late──▶ lost

Only differences of our own monotonic clock are compared, never another machine's time: a foreign lease has expired when
*we* saw it unchanged for its whole duration, and ours counts from when we *sent* the last renewal that was accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from random import Random
from typing import Any

from kelos.api.kinds import LEASE, Manifest
from kelos.cluster.pace import now
from kelos.cluster.protocol import Cluster
from kelos.errors import AlreadyExists, ClusterError, Conflict, KelosError, NotFound

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long a lease lasts. A leader gives up well before anybody else may take over."""

    lease_seconds: int = 15
    renew_deadline_seconds: float = 10.0
    retry_seconds: float = 2.0
    request_seconds: float = 4.0

    def __post_init__(self) -> None:
        if not self.request_seconds < self.renew_deadline_seconds < self.lease_seconds:
            raise ValueError("the terms must be request_seconds < renew_deadline_seconds < lease_seconds")


class LeadershipLost(KelosError):
    """Somebody else may lead now: the process must end without another write."""


class Election:
    """One candidate for one Lease. `identity` must be unique to this process, not to its host or pod."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        *,
        wall: Callable[[], datetime],
        terms: Terms | None = None,
        rng: Random | None = None,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._wall = wall
        self._terms = terms or Terms()
        self._rng = rng or Random()
        self._lease: Manifest | None = None
        self._seen_version = ""
        self._seen_at = 0.0
        self._leading_until = float("-inf")

    @property
    def is_leading(self) -> bool:
        """Whether nobody else can be leading at this moment."""
        return now() < self._leading_until

    async def run(self, lead: Callable[[], Awaitable[None]], on_lost: Callable[[], None]) -> None:
        """Wait for our turn, then `lead` while it is ours; cancel this to end it and pass the lease on.

        When leadership is lost `on_lost` is called first, then `lead` is cancelled and LeadershipLost raised.
        """
        await self.acquire()
        work = asyncio.ensure_future(lead())
        renewal = asyncio.ensure_future(self._keep())
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if renewal.done():
                on_lost()
        finally:
            # The work ends before the lease is given away, and the lease is renewed until then.
            work.cancel()
            await asyncio.wait({work})
            renewal.cancel()
            await asyncio.wait({renewal})
            await self.release()
        for task in (renewal, work):
            if not task.cancelled():
                task.result()

    async def acquire(self) -> None:
        """Wait until we lead."""
        while True:
            await self._try(self._take)
            if self.is_leading:
                break
            await asyncio.sleep(self._terms.retry_seconds * self._rng.uniform(1.0, 1.2))
        log.info("Became the leader", extra={"lease": self._name, "identity": self._identity})

    async def release(self) -> None:
        """Let the next candidate lead at once; without effect when we do not lead."""
        if not self.is_leading or self._lease is None:
            return
        self._leading_until = float("-inf")
        spec = {**_spec(self._lease), "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._time()}
        await self._try(lambda: self._replace(spec))
        self._lease = None

    async def _keep(self) -> None:
        """Renew until that fails for too long. Raises LeadershipLost."""
        while self.is_leading:
            await asyncio.sleep(min(self._terms.retry_seconds, self._leading_until - now()))
            await self._try(self._take)
        place = f"{self._namespace}/{self._name}"
        raise LeadershipLost(f"Lease '{place}' was not renewed in time; another process may lead")

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do the step within the time that one request may take; after a failure we look before writing again."""
        limit = self._terms.request_seconds
        if self.is_leading:
            limit = min(limit, self._leading_until - now())
        try:
            async with asyncio.timeout(limit):
                await step()
        except (Conflict, AlreadyExists, NotFound):
            self._lease = None
        except (ClusterError, TimeoutError) as error:
            self._lease = None
            why = str(error) or "no answer in time"
            log.warning("The Lease could not be written", extra={"lease": self._name, "error": why})

    async def _take(self) -> None:
        """Renew or take over the lease, if we may."""
        if self._lease is None or not self._is_ours(self._lease):
            await self._look()
        if self._lease is None:
            await self._create()
            return
        spec = _spec(self._lease)
        if self._is_ours(self._lease):
            await self._replace({**spec, "renewTime": self._time()})
            return
        self._leading_until = float("-inf")
        if self._is_free(spec):
            transitions = int(spec.get("leaseTransitions") or 0) + 1
            await self._replace({**self._fresh_spec(), "leaseTransitions": transitions})

    async def _look(self) -> None:
        try:
            self._lease = await self._cluster.get(LEASE, self._namespace, self._name)
        except NotFound:
            self._lease = None
            return
        version = self._lease["metadata"]["resourceVersion"]
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, now()

    def _is_ours(self, lease: Manifest) -> bool:
        return bool(_spec(lease).get("holderIdentity") == self._identity)

    def _is_free(self, spec: dict[str, Any]) -> bool:
        duration = float(spec.get("leaseDurationSeconds") or self._terms.lease_seconds)
        return not spec.get("holderIdentity") or now() >= self._seen_at + duration

    async def _create(self) -> None:
        sent_at = now()
        metadata = {"namespace": self._namespace, "name": self._name}
        spec = {**self._fresh_spec(), "leaseTransitions": 0}
        manifest = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
        self._lease = await self._cluster.create(LEASE, manifest)
        self._leading_until = sent_at + self._terms.renew_deadline_seconds

    async def _replace(self, spec: dict[str, Any]) -> None:
        """Write the lease; its resourceVersion makes that fail when anybody else wrote since we looked."""
        assert self._lease is not None
        sent_at = now()
        self._lease = await self._cluster.replace(LEASE, {**self._lease, "spec": spec})
        if self._is_ours(self._lease):
            self._leading_until = sent_at + self._terms.renew_deadline_seconds

    def _fresh_spec(self) -> dict[str, Any]:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._terms.lease_seconds,
            "acquireTime": self._time(),
            "renewTime": self._time(),
        }

    def _time(self) -> str:
        """For people who read the Lease; we do not."""
        return self._wall().astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spec(lease: Manifest) -> dict[str, Any]:
    return lease.get("spec") or {}
