"""What the reporter notes on Tasks: intents before it speaks, and afterwards what it said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone

from kelos.api import names
from kelos.api.kinds import TASK, Manifest
from kelos.cluster.protocol import Cluster
from kelos.cluster.watch import Cache
from kelos.errors import Conflict, NotFound
from kelos.reporting.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Writes annotations, and shows the cache at once what became of the Task."""

    cluster: Cluster
    tasks: Cache
    now: Callable[[], datetime]

    async def make_sure(self, subjects: Iterable[Subject]) -> None:
        """Raises Conflict when one of the Tasks is not any more what the view shows."""
        for subject in subjects:
            there = await self.cluster.get(TASK, subject.namespace, subject.name)
            if there["metadata"]["uid"] != subject.uid or there["metadata"]["resourceVersion"] != subject.version:
                self.tasks.learn(there)
                raise Conflict(f"Task '{subject.name}' has changed")

    async def intend(self, subject: Subject, intent: str, *, number: str = "") -> None:
        """Note that something is about to be made whose number is not known, on the Task as the view shows it.

        Of two reporters one gets through; the other one's error is Conflict. Raises NotFound, too.
        """
        notes: dict[str, str | None] = {intent: self._moment(), **({number: None} if number else {})}
        meta = {"uid": subject.uid, "resourceVersion": subject.version, "annotations": notes}
        await self._patch(subject, meta)

    async def note(self, subject: Subject, notes: Mapping[str, str | None]) -> None:
        """Note what was said. A Task that is gone needs no notes."""
        with suppress(NotFound, Conflict):
            await self._patch(subject, {"uid": subject.uid, "annotations": dict(notes)})

    async def close(self, subject: Subject) -> None:
        """Nothing more will be said of the Task: it may go, and the time it is kept begins."""
        left = [finalizer for finalizer in subject.finalizers if finalizer != names.FINALIZER_REPORT]
        meta: Manifest = {"uid": subject.uid, "resourceVersion": subject.version}
        meta["annotations"] = {names.ANNOTATION_REPORTED_AT: self._moment()}
        if len(left) != len(subject.finalizers):
            meta["finalizers"] = left or None
        with suppress(NotFound):
            await self._patch(subject, meta)

    async def _patch(self, subject: Subject, meta: Manifest) -> None:
        answer = await self.cluster.patch(
            TASK, subject.namespace, subject.name, {"metadata": meta}, field_manager=names.FIELD_MANAGER
        )
        self.tasks.learn(answer)

    def _moment(self) -> str:
        return self.now().astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
