"""Tasks that share one comment: each by itself, or with Sticky all of one TaskSpawner about one issue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kelos.reporting.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadKey:
    """Which comment: a Task's own, or with an item (`owner/repo#12`) that of a TaskSpawner."""

    namespace: str
    name: str
    item: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The Tasks of one comment, oldest first; there is at least one."""

    key: ThreadKey
    subjects: tuple[Subject, ...]

    @property
    def is_sticky(self) -> bool:
        return bool(self.key.item)

    @property
    def anchor(self) -> Subject:
        """Where intents are noted: the oldest Task, for no old view can have missed that one."""
        return self.subjects[0]

    @property
    def newest(self) -> Subject:
        return self.subjects[-1]

    @property
    def comment_id(self) -> int | None:
        """The comment that any of them knows; the newest is right if they differ."""
        return next((s.told.comment_id for s in reversed(self.subjects) if s.told.comment_id is not None), None)

    @property
    def marker(self) -> str:
        """A hidden line by which the comment is found again."""
        if self.is_sticky:
            return f"<!-- kelos.dev/github-status-comment:{self.key.namespace}/{self.key.name} -->"
        return f"<!-- kelos.dev/task:{self.anchor.uid} -->"


def key_of(subject: Subject) -> ThreadKey:
    """The thread that the Task belongs to."""
    if not subject.is_sticky:
        return ThreadKey(namespace=subject.namespace, name=subject.name)
    item = f"{subject.target.repository.lower()}#{subject.target.number}"
    return ThreadKey(namespace=subject.namespace, name=subject.spawner, item=item)


def thread_of(key: ThreadKey, subjects: Iterable[Subject]) -> Thread | None:
    """The thread of these Tasks; None without any."""
    found = tuple(sorted(subjects, key=lambda s: s.age))
    return Thread(key=key, subjects=found) if found else None
