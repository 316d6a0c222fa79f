"""One Task as far as reports go, read from its manifest: whatever is odd there counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.api.reasons import Phase

ENABLED = "enabled"
STICKY = "Sticky"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class State(str, Enum):
    """How far a Task is, as reports say it; the words of annotation `kelos.dev/github-report-phase`."""

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self is not State.ACCEPTED

    @property
    def of_check(self) -> str:
        """The word of annotation `kelos.dev/github-check-report-phase`."""
        return "in_progress" if self is State.ACCEPTED else self.value


class Form(str, Enum):
    """What a check is at GitHub."""

    RUN = "run"
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where reports go and with whose credentials, as annotations say it; nothing here is checked yet."""

    api_url: str = ""
    repository: str = ""
    number: str = ""
    sha: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was reported so far. An intent is since when something may exist at GitHub whose number nobody noted."""

    comment_id: int | None = None
    comment: str = ""
    comment_intent: datetime | None = None
    check_id: int | None = None
    check: str = ""
    check_intent: datetime | None = None
    form: Form = Form.RUN
    head_check: str = ""

    @property
    def is_nothing(self) -> bool:
        """Whether GitHub cannot have heard of the Task."""
        return not (self.comment or self.check or self.comment_intent or self.check_intent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A Task that is reported on. `owes` says that it may not go before its last report."""

    namespace: str
    name: str
    uid: str
    version: str = ""
    finalizers: tuple[str, ...] = ()
    created_at: datetime = EPOCH
    deleted_at: datetime | None = None
    spawner: str = ""
    target: Target = field(default_factory=Target)
    wants_comment: bool = False
    is_sticky: bool = False
    wants_check: bool = False
    check_name: str = ""
    told: Told = field(default_factory=Told)
    phase: Phase | None = None
    reason: str = ""
    message: str = ""
    advice: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cost: str = ""
    branch: str = ""
    commit: str = ""
    pull_request: str = ""
    upstream: str = ""

    @property
    def owes(self) -> bool:
        return names.FINALIZER_REPORT in self.finalizers

    @property
    def state(self) -> State | None:
        """None while nobody looked at the Task. One deleted before its end has failed for those who were told of it."""
        match self.phase:
            case Phase.SUCCEEDED:
                return State.SUCCEEDED
            case Phase.FAILED:
                return State.FAILED
            case _ if self.deleted_at is not None:
                return None if self.told.is_nothing else State.FAILED
            case None:
                return None
            case _:
                return State.ACCEPTED

    @property
    def is_over(self) -> bool:
        """Whether nothing about the Task will change any more."""
        return self.deleted_at is not None or (self.phase is not None and self.phase.is_terminal)

    @property
    def age(self) -> tuple[datetime, str]:
        """Sorts older Tasks first; ties by name."""
        return self.created_at, self.name


def read_subject(task: Manifest) -> Subject:
    """What reports need to know of the Task."""
    meta, spec, status = task["metadata"], _object(task.get("spec")), _object(task.get("status"))
    labels, notes = _object(meta.get("labels")), _object(meta.get("annotations"))
    results, diagnosis = _object(status.get("results")), _object(status.get("diagnosis"))
    spawner = _text(labels, names.LABEL_SPAWNER)
    wants_comment = notes.get(names.ANNOTATION_REPORTING) == ENABLED
    # One whose making is not noted yet may have come too late, and be taken back: nobody hears of it before.
    is_noted = names.FINALIZER_SPAWNED not in (meta.get("finalizers") or ())
    return Subject(
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        version=_text(meta, "resourceVersion"),
        finalizers=tuple(meta.get("finalizers") or ()),
        created_at=_moment(meta.get("creationTimestamp")) or EPOCH,
        deleted_at=_moment(meta.get("deletionTimestamp")),
        spawner=spawner,
        target=_target(notes),
        wants_comment=wants_comment,
        is_sticky=wants_comment and bool(spawner) and notes.get(names.ANNOTATION_COMMENT_MODE) == STICKY,
        wants_check=notes.get(names.ANNOTATION_CHECKS) == ENABLED and bool(_text(notes, names.ANNOTATION_SOURCE_SHA)),
        check_name=_text(notes, names.ANNOTATION_CHECK_NAME) or f"Kelos: {spawner or meta['name']}",
        told=_told(notes),
        phase=_phase(status.get("phase")) if is_noted else None,
        reason=_text(status, "reason"),
        message=_text(status, "message"),
        advice=_text(diagnosis, "advice"),
        started_at=_moment(status.get("startTime")),
        ended_at=_moment(status.get("completionTime")),
        cost=_text(_object(status.get("usage")), "cost"),
        branch=_text(results, "branch") or _text(spec, "branch"),
        commit=_text(results, "commit"),
        pull_request=_text(results, "pr"),
        upstream=_text(spec, "upstreamRepo"),
    )


def is_reported(task: Manifest) -> bool:
    """Whether the reporter has anything to do with the Task."""
    meta = task["metadata"]
    notes = meta.get("annotations") or {}
    wanted = (notes.get(name) == ENABLED for name in (names.ANNOTATION_REPORTING, names.ANNOTATION_CHECKS))
    return any(wanted) or names.FINALIZER_REPORT in (meta.get("finalizers") or ())


def _target(notes: Mapping[str, Any]) -> Target:
    return Target(
        api_url=_text(notes, names.ANNOTATION_SOURCE_API).rstrip("/"),
        repository=_text(notes, names.ANNOTATION_SOURCE_REPOSITORY),
        number=_text(notes, names.ANNOTATION_SOURCE_NUMBER),
        sha=_text(notes, names.ANNOTATION_SOURCE_SHA),
        secret=_text(notes, names.ANNOTATION_SOURCE_SECRET),
    )


def _told(notes: Mapping[str, Any]) -> Told:
    is_status = notes.get(names.ANNOTATION_CHECK_FORM) == Form.STATUS.value
    return Told(
        comment_id=_number(notes.get(names.ANNOTATION_COMMENT_ID)),
        comment=_text(notes, names.ANNOTATION_REPORT_PHASE),
        comment_intent=_intent(notes.get(names.ANNOTATION_COMMENT_INTENT)),
        check_id=_number(notes.get(names.ANNOTATION_CHECK_RUN_ID)),
        check=_text(notes, names.ANNOTATION_CHECK_PHASE),
        check_intent=_intent(notes.get(names.ANNOTATION_CHECK_INTENT)),
        form=Form.STATUS if is_status else Form.RUN,
        head_check=_text(notes, names.ANNOTATION_HEAD_CHECK),
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(of: Mapping[str, Any], key: str) -> str:
    value = of.get(key)
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else None


def _phase(value: object) -> Phase | None:
    try:
        return Phase(value)
    except ValueError:
        return None


def _intent(value: object) -> datetime | None:
    """One that makes no sense is an old one."""
    return (_moment(value) or EPOCH) if value else None


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
