"""Whether an event may run the agent: a pure decision over its facts, and over permissions once they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from kelos.action.trust.event import Person, Trigger
from kelos.api.checks import excerpt

SHORTEST_TEXT = 12  # shorter ones, such as a title of one word, stand in prompts by chance


class Permission(IntEnum):
    """What somebody may do in a repository; each holds what stands before it."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def word(self) -> str:
        return self.name.lower()


# Nobody is asked for: a schedule's actor may have left, and a push was let in by the branch's own protection.
TRUSTED_EVENTS = ("push", "schedule")
# GitHub lets only people and apps with write permission cause these.
WRITERS_EVENTS = (
    "branch_protection_rule",
    "create",
    "delete",
    "deployment",
    "merge_group",
    "release",
    "repository_dispatch",
    "workflow_dispatch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the inputs demand."""

    required: Permission = Permission.WRITE
    bots: tuple[str, ...] = ()
    allows_target: bool = False

    def names(self, bot: str) -> bool:
        return _bare(bot) in {_bare(name) for name in self.bots}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The agent may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untrusted:
    """It may not; `why` is a sentence with a remedy."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """It may, if each of these people holds the required permission. Of the `authors` only words are in the prompt."""

    people: tuple[Person, ...]
    authors: tuple[Person, ...] = ()


Verdict = Trusted | Untrusted | Unproven


def judge(trigger: Trigger, policy: Policy, prompt: str = "") -> Verdict:
    """First match wins: where the commits come from, what the event proves, who caused it and who wrote the prompt."""
    event = trigger.event
    if event == "pull_request_target" and not policy.allows_target:
        return Untrusted(
            why="pull_request_target hands this repository's secrets to a workflow that strangers trigger: use "
            "pull_request, or set `allow-pull-request-target` if nothing of the pull request is checked out"
        )
    if (
        trigger.is_foreign
        and policy.required > Permission.NONE
        and (event != "pull_request_target" or trigger.is_upstream)
    ):
        return _foreign(trigger)
    if event in TRUSTED_EVENTS or (event in WRITERS_EVENTS and policy.required <= Permission.WRITE):
        return Trusted()
    if not trigger.people:
        return Untrusted(why=f"Nobody is named as the cause of the event '{excerpt(event)}': run it on GitHub's runner")
    authors = authors_in(prompt, trigger)
    for person in (*trigger.people, *authors):
        if person.is_bot and not policy.names(person.name):
            return Untrusted(
                why=f"'{excerpt(person.name)}' is a bot that `allowed-bots` does not name: name it there if it may "
                "run the agent"
            )
    if policy.required is Permission.NONE:
        return Trusted()
    people = tuple(person for person in trigger.people if not person.is_bot)
    writers = tuple(person for person in authors if not person.is_bot)
    return Unproven(people=people, authors=writers) if people or writers else Trusted()


def authors_in(prompt: str, trigger: Trigger) -> tuple[Person, ...]:
    """Those who did not cause the event, and whose words of some length are in the prompt all the same."""
    said = _normal(prompt)
    names = {person.name for person in trigger.people}
    found = [
        text.author
        for text in trigger.texts
        if text.author.name not in names and len(words := _normal(text.text)) >= SHORTEST_TEXT and words in said
    ]
    return tuple(dict.fromkeys(found))


def judge_people(
    found: Mapping[str, Permission], policy: Policy, authors: tuple[Person, ...] = ()
) -> Trusted | Untrusted:
    """The rest of the decision, once the permission of each of the people and authors is known."""
    for name, permission in found.items():
        if permission < policy.required:
            has = "no permission" if permission is Permission.NONE else f"the permission {permission.word}"
            remedy = "somebody who has it must trigger the workflow"
            if name in [person.name for person in authors]:
                remedy = "the prompt holds their text, so hand it on with the input `context`"
            return Untrusted(
                why=f"'{excerpt(name)}' has {has} in this repository, and `required-permission` is "
                f"{policy.required.word}: {remedy}"
            )
    return Trusted()


def _foreign(trigger: Trigger) -> Untrusted:
    source = f"'{excerpt(trigger.source or '')}'" if trigger.source else "a repository that is gone"
    what = "The upstream run's commits come" if trigger.is_upstream else "The pull request comes"
    return Untrusted(
        why=f"{what} from {source}, a fork, which gets neither secrets nor identity tokens: somebody with write "
        "permission can push the branch to this repository, or ask for the agent in a comment"
    )


def _normal(text: str) -> str:
    return " ".join(text.split()).lower()


def _bare(bot: str) -> str:
    return bot.lower().removesuffix("[bot]")
