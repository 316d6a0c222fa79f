"""Read what a Task needs to start, as late as possible: Secrets, token, claim, and the locks last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kelos.api import names
from kelos.api.codec import parse_task
from kelos.api.conditions import moment
from kelos.api.kinds import CONFIG_MAP, JOB, PVC, SECRET, TASK, Kind
from kelos.cluster.protocol import Cluster
from kelos.controllers.lock_view import LockReader
from kelos.controllers.reading import find
from kelos.errors import NotFound
from kelos.pods.claim import claim_name
from kelos.pods.job import job_name
from kelos.tasks.blockers import BEFORE_LOCKS, first_blocker, is_told_otherwise, needs_inputs, needs_locks
from kelos.tasks.evidence.facts import JobFacts, controller_uid, read_job
from kelos.tasks.held.locks import holder_of, is_ours
from kelos.tasks.held.token import app_secret, secret_name
from kelos.tasks.needs import Need, needed_config_maps, needed_secrets
from kelos.tasks.view import Claim, TaskView, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReader:
    """No Job in the cache: makes sure there is none, and fills in what the caches cannot be trusted with."""

    cluster: Cluster
    locks: LockReader

    async def about_to_start(self, view: TaskView) -> TaskView:
        if view.status.get("jobName") or view.pods:
            return replace(view, job=await self._job(view))
        if needs_inputs(view):
            view = await self._with_inputs(view)
        if first_blocker(view, BEFORE_LOCKS) is not None:
            return view
        if needs_locks(view):
            cached = replace(view, locks=self.locks.cached(view))
            is_taken = any(holder_of(lock) and not is_ours(view, lock) for lock in cached.locks)
            if is_taken and not is_told_otherwise(cached):
                return cached
        fresh = await self.cluster.get(TASK, view.task.meta.namespace, view.task.meta.name)
        task = parse_task(fresh)
        if task.meta.uid != view.task.meta.uid:
            raise NotFound(f"Task '{task.meta.name}' was replaced by another one of its name")
        view = replace(view, task=task, status=fresh.get("status") or {}, job=await self._job(view))
        if needs_locks(view):
            view = replace(view, locks=await self.locks.fresh(view))
        return view

    async def token(self, view: TaskView) -> Token | None:
        """The Task's own token Secret, without the token; None when it needs none or has none."""
        if not app_secret(view) or (not view.owns_job and first_blocker(view) is not None):
            return None
        found = await find(self.cluster, SECRET, view.task.meta.namespace, secret_name(view.task.meta.name))
        if found is None:
            return None
        annotations = found["metadata"].get("annotations") or {}
        return Token(
            owner_uid=controller_uid(found),
            repository=annotations.get(names.ANNOTATION_TOKEN_FOR, ""),
            minted_at=moment(annotations.get(names.ANNOTATION_TOKEN_MINTED)),
            expires_at=moment(annotations.get(names.ANNOTATION_TOKEN_EXPIRES)),
        )

    async def _job(self, view: TaskView) -> JobFacts | None:
        found = await find(self.cluster, JOB, view.task.meta.namespace, job_name(view.task.meta.name))
        return read_job(found) if found is not None else None

    async def _with_inputs(self, view: TaskView) -> TaskView:
        namespace, configs = view.task.meta.namespace, view.agent_configs
        return replace(
            view,
            secrets=await self._keys(SECRET, namespace, needed_secrets(view.task, view.workspace, configs)),
            config_maps=await self._keys(CONFIG_MAP, namespace, needed_config_maps(configs)),
            claim=await self._claim(view),
        )

    async def _keys(self, kind: Kind, namespace: str, needs: Iterable[Need]) -> Mapping[str, frozenset[str] | None]:
        """Key names of each needed object; the values are forgotten at once."""
        found: dict[str, frozenset[str] | None] = {}
        for name in dict.fromkeys(need.name for need in needs):
            thing = await find(self.cluster, kind, namespace, name)
            data = None if thing is None else {**(thing.get("data") or {}), **(thing.get("binaryData") or {})}
            found[name] = None if data is None else frozenset(data)
        return found

    async def _claim(self, view: TaskView) -> Claim | None:
        """The claim of a persistent Workspace; None when there is no need or none yet."""
        if view.workspace is None or not view.workspace.spec.persistent:
            return None
        found = await find(self.cluster, PVC, view.task.meta.namespace, claim_name(view.workspace))
        return Claim(is_being_deleted="deletionTimestamp" in found["metadata"]) if found is not None else None
