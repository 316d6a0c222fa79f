"""Commands in what people wrote: who said what when, and what follows from it. All text in here is hostile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from kelos.api.github_sources import CommentPolicy
from kelos.api.work_item import Trigger

_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A text somebody wrote. Without a key it is the item's own."""

    key: str = ""
    author: str = ""
    at: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A remark that asks for a Task, forbids one, or both."""

    key: str
    author: str
    at: datetime | None
    is_trigger: bool
    is_exclusion: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the item qualifies, and what asked for it."""

    qualifies: bool
    trigger: Trigger = field(default_factory=Trigger)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """It depends on whether this login's commands count."""

    login: str


def find_command(policy: CommentPolicy, remark: Remark) -> Command | None:
    """A command is a line by itself, white space around it aside."""
    lines = {line.strip() for line in remark.text.split("\n")}
    wanted = (policy.trigger_comment or "").strip()
    is_trigger = bool(wanted) and wanted in lines
    is_exclusion = any(command.strip() in lines for command in policy.exclude_comments if command.strip())
    if not (is_trigger or is_exclusion):
        return None
    return Command(key=remark.key, author=remark.author, at=remark.at, is_trigger=is_trigger, is_exclusion=is_exclusion)


def judge(policy: CommentPolicy, commands: Iterable[Command], may_command: Mapping[str, bool]) -> Verdict | Ask:
    """The last command of somebody whose commands count decides; the item's own text comes after all comments.

    `may_command` tells what is known of logins in lower case; nobody is asked about who cannot matter.
    """
    for command in _last_first(commands):
        may = _may_command(policy, command.author, may_command)
        if may is None:
            return Ask(login=command.author)
        if not may:
            continue
        if command.is_exclusion:
            return Verdict(qualifies=False)
        at = command.at if command.key else None
        return Verdict(qualifies=True, trigger=Trigger(key=command.key, at=at))
    return Verdict(qualifies=not policy.trigger_comment)


def _last_first(commands: Iterable[Command]) -> list[Command]:
    """By time; of those at the same moment the one that stands last."""
    ranked = sorted(enumerate(commands), key=lambda pair: (bool(pair[1].key), pair[1].at or _LONG_AGO, pair[0]))
    return [command for _, command in reversed(ranked)]


def _may_command(policy: CommentPolicy, login: str, known: Mapping[str, bool]) -> bool | None:
    if policy.is_for_everybody:
        return True
    if not login:
        return False
    if login.lower() in (user.strip().lower() for user in policy.allowed_users):
        return True
    if not (policy.allowed_teams or policy.minimum_permission):
        return False
    return known.get(login.lower())
