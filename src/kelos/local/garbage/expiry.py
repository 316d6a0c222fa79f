"""Finished Jobs with `ttlSecondsAfterFinished` are deleted in the foreground once their time is over."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from kelos.api.kinds import JOB, Manifest
from kelos.cluster.protocol import Cluster
from kelos.cluster.queue import Queue
from kelos.cluster.watch import Cache
from kelos.errors import ClusterError, NotFound
from kelos.local.jobs.control.facts import finished_at, is_deleting
from kelos.local.jobs.moments import Clock, utc_now

log = logging.getLogger(__name__)


def expires_in(job: Manifest, now: datetime) -> timedelta | None:
    """How long a finished Job may stay; None when it stays for ever, is not finished or goes already."""
    ttl_seconds, ended = job["spec"].get("ttlSecondsAfterFinished"), finished_at(job)
    if ttl_seconds is None or ended is None or is_deleting(job):
        return None
    return ended + timedelta(seconds=int(ttl_seconds)) - now


async def run_job_expiry(cluster: Cluster, *, now: Clock = utc_now) -> None:
    """Delete Jobs whose time is over, until cancelled."""
    queue: Queue[tuple[str, str]] = Queue()
    jobs = Cache(cluster, JOB)

    def changed(old: Manifest | None, new: Manifest | None) -> None:
        if new is not None and expires_in(new, now()) is not None:
            queue.add((new["metadata"]["namespace"], new["metadata"]["name"]))

    jobs.subscribe(changed)
    async with asyncio.TaskGroup() as group:
        group.create_task(jobs.run())
        group.create_task(_work(cluster, queue, now))


async def _work(cluster: Cluster, queue: Queue[Any], now: Clock) -> None:
    while (key := await queue.get()) is not None:
        try:
            await _expire(cluster, queue, key, now)
            queue.forget(key)
        except ClusterError as error:
            delay = queue.retry(key)
            log.debug("Job expiry failed", extra={"job": key, "error": str(error), "delay": delay})
        finally:
            queue.done(key)


async def _expire(cluster: Cluster, queue: Queue[Any], key: tuple[str, str], now: Clock) -> None:
    try:
        job = await cluster.get(JOB, *key)
        left = expires_in(job, now())
        if left is not None and left > timedelta():
            queue.add_after(key, left.total_seconds())
        elif left is not None:
            await cluster.delete(JOB, *key, uid=job["metadata"]["uid"], propagation="Foreground")
    except NotFound:
        return
