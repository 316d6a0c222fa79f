"""The texts of a source that have a form of their own: intervals, repositories, globs, patterns, paths, schedules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone

from kelos.api.checks import check_name, excerpt
from kelos.api.github_sources import FilePatterns, GitHubPullRequests, PolledGitHub
from kelos.api.github_webhook import EventFilter, GitHubWebhook
from kelos.api.other_sources import Cron, GenericFilter, GenericWebhook, Jira
from kelos.api.polling import poll_seconds
from kelos.api.repository import parse_repository
from kelos.api.when import When
from kelos.errors import UserError
from kelos.matching.globs import parse_glob
from kelos.matching.json_path import parse_json_path
from kelos.matching.regex import parse_regex
from kelos.schedule import find_zone, parse_schedule
from kelos.spawning.validity.check import Check

_SOME_DAY = datetime(2000, 1, 1, tzinfo=timezone.utc)
_FULL_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_ADDRESS = re.compile(r"https?://[^\s/?#@\\]+(/[^\s?#]*)?")


def source_checks(when: When) -> Iterator[Check]:
    """What to check of the one source. Raises UserError unless there is exactly one."""
    field, source = f"spec.when.{when.kind.value}", when.source
    if isinstance(source, PolledGitHub | Jira) and source.poll_interval:
        yield Check(f"{field}.pollInterval", poll_seconds, source.poll_interval)
    match source:
        case PolledGitHub():
            yield from _polled(field, source)
        case Jira():
            yield Check(f"{field}.baseUrl", check_address, source.base_url)
            yield Check(f"{field}.secretRef.name", lambda name: check_name(name, "Secret"), source.secret_ref.name)
        case Cron():
            yield from _schedule(field, source)
        case GitHubWebhook():
            yield from _events(field, source)
        case GenericWebhook():
            yield from _payload(field, source)


def check_full_name(text: str) -> None:
    """Raises UserError unless it is owner/repo."""
    if not _FULL_NAME.fullmatch(text):
        raise UserError(f"'{excerpt(text)}' must be owner/repo")


def check_address(text: str) -> None:
    """Raises UserError unless it is an address of the web without user, query or fragment."""
    if not _ADDRESS.fullmatch(text):
        raise UserError("must be an address like https://host/path, without user, query, fragment or whitespace")


def check_repository(text: str) -> None:
    """Raises UserError unless it names a repository of GitHub: by owner/repo or by its address."""
    if _FULL_NAME.fullmatch(text):
        return
    if not _FULL_NAME.fullmatch(parse_repository(text).path):
        raise UserError("must be owner/repo, or the address of a repository such as https://host/owner/repo")


def _polled(field: str, source: PolledGitHub) -> Iterator[Check]:
    if source.repo:
        yield Check(f"{field}.repo", check_repository, source.repo)
    if isinstance(source, GitHubPullRequests):
        yield from _files(field, source.file_patterns)


def _schedule(field: str, cron: Cron) -> Iterator[Check]:
    # A zone that is not known has a sentence of its own, and the schedule is read without it.
    zone = cron.time_zone if cron.time_zone and _is_zone(cron.time_zone) else ""

    def check(text: str) -> None:
        schedule = parse_schedule(text, zone)
        if schedule.next_tick(_SOME_DAY) is None:
            raise UserError(f"Schedule '{excerpt(text)}' never comes: no month has such a day")

    if cron.time_zone:
        yield Check(f"{field}.timeZone", find_zone, cron.time_zone)
    yield Check(f"{field}.schedule", check, cron.schedule)


def _is_zone(name: str) -> bool:
    try:
        find_zone(name)
    except UserError:
        return False
    return True


def _events(field: str, source: GitHubWebhook) -> Iterator[Check]:
    if source.repository:
        yield Check(f"{field}.repository", check_full_name, source.repository)
    for index, event in enumerate(source.filters):
        yield from _event(f"{field}.filters[{index}]", event)


def _event(field: str, event: EventFilter) -> Iterator[Check]:
    globs = {"branch": event.branch, "tag": event.tag, "checkName": event.check_name}
    yield from (Check(f"{field}.{name}", parse_glob, text) for name, text in globs.items() if text)
    if event.body_pattern:
        yield Check(f"{field}.bodyPattern", parse_regex, event.body_pattern)
    for index, pattern in enumerate(event.exclude_body_patterns):
        yield Check(f"{field}.excludeBodyPatterns[{index}]", parse_regex, pattern)
    yield from _files(field, event.file_patterns)


def _files(field: str, patterns: FilePatterns | None) -> Iterator[Check]:
    found = patterns or FilePatterns()
    for name, globs in (("include", found.include), ("exclude", found.exclude)):
        for index, glob in enumerate(globs):
            yield Check(f"{field}.filePatterns.{name}[{index}]", parse_glob, glob)


def _payload(field: str, source: GenericWebhook) -> Iterator[Check]:
    for name, path in source.field_mapping.items():
        yield Check(f"{field}.fieldMapping['{excerpt(name)}']", parse_json_path, path)
    for name, filters in (("filters", source.filters), ("excludeFilters", source.exclude_filters)):
        for index, one in enumerate(filters):
            yield from _value(f"{field}.{name}[{index}]", one)


def _value(field: str, one: GenericFilter) -> Iterator[Check]:
    yield Check(f"{field}.field", parse_json_path, one.field)
    if one.pattern is not None:
        yield Check(f"{field}.pattern", parse_regex, one.pattern)
