"""Who and what set the workflow off: the facts of the event that trust is decided on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kelos.errors import UserError

FROM_PULL_REQUESTS = ("pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment")
WITH_TEXT = ("issue", "pull_request", "discussion", "comment", "review")
EVENT_LIMIT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a name at GitHub; a bot has no permission that could be asked for."""

    name: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What somebody wrote at GitHub, which need not be whoever caused the event."""

    author: Person
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One event. `source` is the repository its commits come from: None when it has none, empty when that is gone.

    For `workflow_run` these are the facts of the upstream run, whose event is `event`. `subject` is the pull request or
    issue it is about, or a branch that a bot pushed to: where agents could set each other off.
    """

    event: str
    people: tuple[Person, ...] = ()
    repository: str = ""
    source: str | None = None
    is_upstream: bool = False
    subject: str = ""
    texts: tuple[Text, ...] = field(default=(), repr=False)

    @property
    def is_foreign(self) -> bool:
        """Whether its commits come from another repository, as a fork's do."""
        return self.source is not None and self.source.lower() != self.repository.lower()


def read_trigger(env: Mapping[str, str]) -> Trigger:
    """The facts from the runner's variables and its event file."""
    return trigger_of(
        env.get("GITHUB_EVENT_NAME", ""),
        _read(env.get("GITHUB_EVENT_PATH", "")),
        names=(env.get("GITHUB_ACTOR", ""), env.get("GITHUB_TRIGGERING_ACTOR", "")),
        repository=env.get("GITHUB_REPOSITORY", ""),
        ref=env.get("GITHUB_REF", ""),
    )


def trigger_of(
    event: str, payload: Mapping[str, Any], *, names: tuple[str, ...], repository: str, ref: str = ""
) -> Trigger:
    """The facts of an event. `names` are who caused it and who started this run of it again."""
    if event == "workflow_run":
        return _upstream(_mapping(payload, "workflow_run"), names, repository)
    sender = _person(_mapping(payload, "sender"))
    people = [sender if sender and sender.name == name else Person(name=name, is_bot=_is_app(name)) for name in names]
    source = None
    if event in FROM_PULL_REQUESTS:
        head = _mapping(_mapping(payload, "pull_request"), "head")
        source = str(_mapping(head, "repo").get("full_name") or "")
    people = list(_distinct(people))
    is_bots_push = event == "push" and any(person.is_bot for person in people)
    return Trigger(
        event=event,
        people=tuple(people),
        repository=repository,
        source=source,
        subject=_subject(payload) or (ref if is_bots_push else ""),
        texts=_texts(payload),
    )


def _upstream(run: Mapping[str, Any], names: tuple[str, ...], repository: str) -> Trigger:
    """Anybody's pull request can complete a run, so the actor of the run that follows it says nothing."""
    found = [_person(_mapping(run, key)) for key in ("actor", "triggering_actor")]
    people = [person for person in found if person is not None]
    branch = f"refs/heads/{run.get('head_branch') or ''}" if any(person.is_bot for person in people) else ""
    return Trigger(
        event=str(run.get("event") or "workflow_run"),
        people=_distinct(people) or _distinct([Person(name=name, is_bot=_is_app(name)) for name in names]),
        repository=repository,
        source=str(_mapping(run, "head_repository").get("full_name") or ""),
        is_upstream=True,
        subject=_subject({"workflow_run": run}) or branch,
    )


def _subject(payload: Mapping[str, Any]) -> str:
    """Comments on a pull request come as those of an issue, and the two share their numbers."""
    for key in ("pull_request", "issue"):
        if number := _mapping(payload, key).get("number"):
            return f"#{number}"
    for key in ("check_run", "check_suite", "workflow_run"):
        related = _mapping(payload, key).get("pull_requests")
        if isinstance(related, list) and related and isinstance(related[0], dict):
            return f"#{related[0].get('number')}"
    number = _mapping(payload, "discussion").get("number")
    return f"discussion {number}" if number else ""


def _texts(payload: Mapping[str, Any]) -> tuple[Text, ...]:
    found = []
    for key in WITH_TEXT:
        part = _mapping(payload, key)
        author = _person(_mapping(part, "user")) or Person(name="")
        found += [Text(author=author, text=str(part[field])) for field in ("title", "body") if part.get(field)]
    return tuple(found)


def _person(user: Mapping[str, Any]) -> Person | None:
    name = str(user.get("login") or "")
    return Person(name=name, is_bot=_is_app(name) or user.get("type") == "Bot") if name else None


def _is_app(name: str) -> bool:
    """No person's name can hold brackets."""
    return name.endswith("[bot]")


def _distinct(people: list[Person]) -> tuple[Person, ...]:
    return tuple({person.name: person for person in people if person.name}.values())


def _mapping(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def _read(path: str) -> Mapping[str, Any]:
    """The event file; without one nothing is known, and what needs its facts is not trusted."""
    if not path or not Path(path).is_file():
        return {}
    try:
        with Path(path).open("rb") as file:
            found = json.loads(file.read(EVENT_LIMIT_BYTES))
    except (OSError, ValueError) as error:
        raise UserError(f"The runner's event file '{path}' cannot be read: run the workflow again") from error
    return found if isinstance(found, dict) else {}
