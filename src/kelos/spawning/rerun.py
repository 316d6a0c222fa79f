"""When an item that was handled becomes another Task: somebody asked again, or its Task failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from kelos.api.github_sources import GitHubIssues, GitHubPullRequests, ReviewState
from kelos.api.task_spawner import TaskSpawnerSpec
from kelos.api.work_item import Trigger
from kelos.spawning.ledger.entry import Entry


def hears_again(spec: TaskSpawnerSpec) -> bool:
    """Whether items of this source can ask again: by a comment, or by a review."""
    source = spec.when.source
    if isinstance(source, GitHubPullRequests) and source.review_state is not ReviewState.ANY:
        return True
    return isinstance(source, GitHubIssues | GitHubPullRequests) and bool(source.comments.trigger_comment)


def is_asked_again(entry: Entry, trigger: Trigger) -> bool:
    """Whether this is another trigger than the one that made the last Task, and not one from before it."""
    if not trigger.key or trigger.key == entry.trigger.key:
        return False
    before = entry.trigger.at
    return before is None or trigger.at is None or trigger.at >= before


def retry_at(entry: Entry, spec: TaskSpawnerSpec) -> datetime | None:
    """When a failed item is tried again; None for never."""
    policy = spec.retry_policy
    if entry.failed_at is None or entry.attempt >= policy.max_retries:
        return None
    return entry.failed_at + timedelta(seconds=policy.backoff_seconds)
