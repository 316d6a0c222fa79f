"""Events of GitHub as a source."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import ConfigDict, Field

from kelos.api.github_sources import FilePatterns, Reporting
from kelos.api.meta import Flag, Model, Pattern, rules

EVENTS_WITH_CHECKS = ("pull_request", "pull_request_review", "pull_request_review_comment", "pull_request_target")
_WITH_CHECKS = ", ".join(f"'{event}'" for event in EVENTS_WITH_CHECKS)

Event = Annotated[str, Field(min_length=1, max_length=64)]


class CommentOn(str, Enum):
    """Where a comment was written. The empty word means anywhere."""

    ISSUE = "Issue"
    PULL_REQUEST = "PullRequest"
    ANYWHERE = ""


class EventState(str, Enum):
    OPEN = "open"
    CLOSED = "closed"


class Conclusion(str, Enum):
    """How a check run ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    ACTION_REQUIRED = "action_required"
    NEUTRAL = "neutral"
    SKIPPED = "skipped"
    STALE = "stale"


class EventFilter(Model):
    """One way for an event to match; every field that is set must."""

    event: Event = Field(description="Name of the event this is about.")
    action: str | None = Field(default=None, description="Action of the event.")
    author: str | None = Field(default=None, description="Login of the sender.")
    exclude_authors: tuple[str, ...] = Field(default=(), description="Logins of senders that do not match.")
    branch: str | None = Field(default=None, description="Glob over the branch.")
    tag: str | None = Field(default=None, description="Glob over the tag.")
    state: EventState | None = Field(default=None, description="State of the issue or pull request.")
    labels: tuple[str, ...] = Field(default=(), description="Labels that must all be there.")
    exclude_labels: tuple[str, ...] = Field(default=(), description="Labels of which none may be there.")
    draft: Flag | None = Field(default=None, description="Whether the pull request is a draft.")
    comment_on: CommentOn | None = Field(default=None, description="Where a comment was written.")
    body_contains: str | None = Field(
        default=None, max_length=1024, description="Text found in the body; the older form of bodyPattern."
    )
    body_pattern: Pattern | None = Field(default=None, description="Regular expression (RE2) found in the body.")
    exclude_body_patterns: tuple[Annotated[Pattern, Field(min_length=1)], ...] = Field(
        default=(), max_length=10, description="Regular expressions (RE2) of which the body may match none."
    )
    file_patterns: FilePatterns | None = Field(default=None, description="Which files must have changed.")
    conclusion: Conclusion | None = Field(default=None, description="How the check run ended.")
    check_name: str | None = Field(default=None, description="Glob over the name of the check run.")


class GitHubWebhook(Model):
    """What GitHub tells."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"!has(self.reporting) || !has(self.reporting.checks) || self.events.exists(e, e in [{_WITH_CHECKS}])",
                f"reporting.checks may be set only when 'events' has one of {', '.join(EVENTS_WITH_CHECKS)}",
            )
        )
    )

    events: tuple[Event, ...] = Field(min_length=1, max_length=20, description="Names of the events that count.")
    repository: str | None = Field(default=None, description="Only events of this owner/repo.")
    exclude_authors: tuple[str, ...] = Field(default=(), description="Logins of senders that are passed over first.")
    filters: tuple[EventFilter, ...] = Field(
        default=(), max_length=100, description="One of them must match; all do when empty."
    )
    reporting: Reporting | None = Field(default=None, description="What is told at the issue or pull request.")

    @property
    def reports(self) -> Reporting:
        return self.reporting or Reporting()
