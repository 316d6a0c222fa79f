"""Which items a TaskSpawner is about, as far as a listing tells, and which changed files count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from kelos.api.github_sources import FilePatterns, GitHubIssues, GitHubPullRequests, ItemType, PolledGitHub, State
from kelos.matching.globs import parse_glob
from kelos.sources.github.items.records import Record

ANYBODY, NOBODY = "*", "none"


def is_wanted_issue(spec: GitHubIssues, record: Record) -> bool:
    """GitHub knows no case in labels and logins of issues; exclusions are exact."""
    labels = {label.lower() for label in record.labels}
    return (
        (ItemType.PULLS if record.is_pull else ItemType.ISSUES) in spec.types
        and _is_in_state(spec.state, record)
        and all(label.lower() in labels for label in spec.labels if label)
        and (not spec.author or spec.author.lower() == record.author.lower())
        and _is_assigned(spec.assignee, record)
        and not _is_excluded(spec, record)
    )


def is_wanted_pull(spec: GitHubPullRequests, record: Record) -> bool:
    return (
        _is_in_state(spec.state, record)
        and set(spec.labels) <= set(record.labels)
        and (not spec.author or spec.author == record.author)
        and (spec.draft is None or spec.draft == record.is_draft)
        and not _is_excluded(spec, record)
    )


def file_filter(patterns: FilePatterns | None) -> Callable[[str], bool] | None:
    """Whether one changed file is enough for a pull request to count; None when files do not matter. Raises UserError
    for what is no glob."""
    if patterns is None or not (patterns.include or patterns.exclude):
        return None
    include = [parse_glob(pattern) for pattern in patterns.include]
    exclude = [parse_glob(pattern) for pattern in patterns.exclude]

    def counts(path: str) -> bool:
        is_left = not any(glob.matches(path) for glob in exclude)
        return is_left and (not include or any(glob.matches(path) for glob in include))

    return counts


def chosen(spec: PolledGitHub, records: Iterable[Record]) -> list[Record]:
    """The records that are wanted, in their order."""
    is_wanted = partial(is_wanted_issue, spec) if isinstance(spec, GitHubIssues) else partial(_pull, spec)
    return [record for record in records if is_wanted(record)]


def _pull(spec: PolledGitHub, record: Record) -> bool:
    return isinstance(spec, GitHubPullRequests) and is_wanted_pull(spec, record)


def _is_in_state(state: State, record: Record) -> bool:
    return state is State.ALL or record.is_open == (state is State.OPEN)


def _is_assigned(assignee: str | None, record: Record) -> bool:
    if not assignee:
        return True
    if assignee in (ANYBODY, NOBODY):
        return bool(record.assignees) == (assignee == ANYBODY)
    return assignee.lower() in (login.lower() for login in record.assignees)


def _is_excluded(spec: PolledGitHub, record: Record) -> bool:
    return record.author in spec.exclude_authors or not set(spec.exclude_labels).isdisjoint(record.labels)
