"""The Job controller at work: one worker per Job reads, plans and acts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from kelos.api.kinds import JOB, POD, Manifest
from kelos.cluster.protocol import Cluster
from kelos.cluster.queue import Queue
from kelos.cluster.watch import Cache
from kelos.errors import ClusterError, NotFound
from kelos.local.jobs.control.facts import TRACKING_FINALIZER, is_tracked, name_of, owner_uid, uid_of
from kelos.local.jobs.control.plan import JobPlan, Telling, plan_job
from kelos.local.jobs.control.pods import build_pod
from kelos.local.jobs.events import Recorder
from kelos.local.jobs.moments import Clock, utc_now
from kelos.local.jobs.settings import JobSettings

log = logging.getLogger(__name__)

WORKERS = 8
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels, nothing that looks like another letter: no name becomes a word."""

Key = tuple[str, str]


async def run_job_controller(
    cluster: Cluster,
    *,
    settings: JobSettings | None = None,
    now: Clock = utc_now,
    rng: Random | None = None,
) -> None:
    """Keep every Job's pods as the Job wants them, until cancelled."""
    controller = JobController(cluster=cluster, settings=settings or JobSettings(), now=now, rng=rng or Random())
    await controller.run()


@dataclass(slots=True)
class JobController:
    """Caches, a queue of Jobs and workers."""

    cluster: Cluster
    settings: JobSettings
    now: Clock
    rng: Random
    _queue: Queue[Key] = field(default_factory=Queue)
    _created: dict[str, Manifest] = field(default_factory=dict)
    """Pods that were created but that the watch has not shown yet, by uid: nothing is created twice."""

    async def run(self) -> None:
        jobs = Cache(self.cluster, JOB, rng=self.rng)  # only to be woken
        pods = Cache(self.cluster, POD, indexes={"owner": _by_owner, "controller": _by_controller}, rng=self.rng)
        jobs.subscribe(self._job_changed)
        pods.subscribe(self._pod_changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(jobs.run())
            group.create_task(pods.run())
            await jobs.wait_synced()
            await pods.wait_synced()
            for _ in range(WORKERS):
                group.create_task(self._work(pods))

    def _job_changed(self, old: Manifest | None, new: Manifest | None) -> None:
        self._add(new or old)

    def _pod_changed(self, old: Manifest | None, new: Manifest | None) -> None:
        pod = new or old
        if pod is None:
            return
        self._created.pop(uid_of(pod), None)
        for place in _by_controller(pod):
            namespace, _, name = place.partition("/")
            self._queue.add((namespace, name))

    def _add(self, manifest: Manifest | None) -> None:
        if manifest is not None:
            self._queue.add((manifest["metadata"]["namespace"], name_of(manifest)))

    async def _work(self, pods: Cache) -> None:
        while (key := await self._queue.get()) is not None:
            try:
                await self._reconcile(key, pods)
                self._queue.forget(key)
            except ClusterError as error:
                delay = self._queue.retry(key)
                log.debug("Job pass failed", extra={"job": key, "error": str(error), "delay": delay})
            finally:
                self._queue.done(key)

    async def _reconcile(self, key: Key, pods: Cache) -> None:
        # The Job is read afresh: with an old status, an end that is counted already would look like a missing pod.
        job = await self._find_job(key)
        uid = uid_of(job) if job is not None else None
        for pod in pods.by("controller", "/".join(key)):
            if is_tracked(pod) and owner_uid(pod) != uid:
                await self._release(pod)
        if job is None:
            return
        known = {uid_of(pod): pod for pod in pods.by("owner", uid_of(job))}
        fresh = [pod for each, pod in self._created.items() if each not in known and owner_uid(pod) == uid]
        everything = [*known.values(), *fresh]
        plan = plan_job(job, everything, self.now(), self.settings)
        await self._apply(job, everything, plan)
        if plan.again_after is not None:
            self._queue.add_after(key, plan.again_after.total_seconds())

    async def _find_job(self, key: Key) -> Manifest | None:
        try:
            return await self.cluster.get(JOB, *key)
        except NotFound:
            return None

    async def _apply(self, job: Manifest, pods: Sequence[Manifest], plan: JobPlan) -> None:
        by_name = {name_of(pod): pod for pod in pods}
        recorder = Recorder(self.cluster, component="job-controller", now=self.now)
        if plan.status is not None:
            await self._write_status(job, plan.status)
        for name in plan.release:
            await self._release(by_name[name])
        for name in plan.delete:
            await self._delete(by_name[name])
            telling = Telling(type="Normal", reason="SuccessfulDelete", message=f"Deleted pod: {name}")
            await recorder.tell(job, telling.type, telling.reason, telling.message)
        for _ in range(plan.create):
            await self._create(job, recorder)
        for telling in plan.tellings:
            await recorder.tell(job, telling.type, telling.reason, telling.message)

    async def _write_status(self, job: Manifest, status: Manifest) -> None:
        """The Job's version is the precondition: a plan from an old photograph is not carried out."""
        gone = {key: None for key in (job.get("status") or {}) if key not in status}
        uncounted = {"succeeded": None, "failed": None, **status["uncountedTerminatedPods"]}
        metadata = job["metadata"]
        body = {
            "metadata": {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]},
            "status": {**gone, **status, "uncountedTerminatedPods": uncounted},
        }
        await self.cluster.patch(JOB, metadata["namespace"], name_of(job), body, subresource="status")

    async def _create(self, job: Manifest, recorder: Recorder) -> None:
        suffix = "".join(self.rng.choices(LETTERS, k=5))
        try:
            pod = await self.cluster.create(POD, build_pod(job, suffix))
        except ClusterError as error:
            await recorder.tell(job, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self._created[uid_of(pod)] = pod
        await recorder.tell(job, "Normal", "SuccessfulCreate", f"Created pod: {name_of(pod)}")

    async def _delete(self, pod: Manifest) -> None:
        try:
            await self.cluster.delete(POD, pod["metadata"]["namespace"], name_of(pod), uid=uid_of(pod))
        except NotFound:
            return

    async def _release(self, pod: Manifest) -> None:
        """Take our finalizer off; the others' stay, so the list as it is now is the base."""
        namespace, name = pod["metadata"]["namespace"], name_of(pod)
        try:
            live = await self.cluster.get(POD, namespace, name)
            finalizers = live["metadata"].get("finalizers") or []
            if uid_of(live) != uid_of(pod) or TRACKING_FINALIZER not in finalizers:
                return
            left = [finalizer for finalizer in finalizers if finalizer != TRACKING_FINALIZER]
            identity = {"uid": uid_of(live), "resourceVersion": live["metadata"]["resourceVersion"]}
            await self.cluster.patch(POD, namespace, name, {"metadata": {**identity, "finalizers": left or None}})
        except NotFound:
            return


def _by_owner(pod: Manifest) -> Sequence[str]:
    uid = owner_uid(pod)
    return (uid,) if uid else ()


def _by_controller(pod: Manifest) -> Sequence[str]:
    namespace = pod["metadata"]["namespace"]
    references = pod["metadata"].get("ownerReferences") or ()
    return [f"{namespace}/{each['name']}" for each in references if each.get("controller") and each["kind"] == JOB.kind]
