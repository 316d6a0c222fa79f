"""Query parameters and bodies of requests as options of the verbs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kelos.local.server.ages import parse_time
from kelos.local.server.refusals import bad_request
from kelos.local.server.verbs.options import DeleteOptions, FieldValidation, ListOptions, WriteOptions
from kelos.local.server.verbs.reading import parse_version
from kelos.local.server.verbs.watching import WatchOptions

Query = Mapping[str, str]

_TRUE, _FALSE = frozenset({"true", "1", "True", "t"}), frozenset({"", "false", "0", "False", "f"})
_WATCH_SECONDS = (1800, 3600)


def flag(query: Query, name: str) -> bool:
    """A boolean parameter; a bare name is not a yes."""
    value = query.get(name, "")
    if value not in _TRUE | _FALSE:
        raise bad_request(f"the parameter {name} must be true or false, not '{value}'")
    return value in _TRUE


def number(query: Query, name: str) -> int | None:
    """An integer parameter, when it is given."""
    value = query.get(name, "")
    if not value:
        return None
    try:
        return int(value)
    except ValueError:
        raise bad_request(f"the parameter {name} must be a number, not '{value}'") from None


def write_options(query: Query, user_agent: str) -> WriteOptions:
    return WriteOptions(
        dry_run=_dry_run(query.get("dryRun", "")),
        field_manager=query.get("fieldManager", ""),
        manager=user_agent.partition("/")[0].strip()[:128] or "unknown",
        field_validation=_field_validation(query.get("fieldValidation", "")),
        force=flag(query, "force"),
    )


def list_options(query: Query) -> ListOptions:
    return ListOptions(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=number(query, "limit") or 0,
        more=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        version_match=query.get("resourceVersionMatch", ""),
    )


def watch_options(query: Query, name: str = "") -> WatchOptions:
    """The options of a watch; `name` narrows it to one object."""
    fields = query.get("fieldSelector", "")
    if name:
        fields = f"metadata.name={name}" + (f",{fields}" if fields else "")
    return WatchOptions(
        labels=query.get("labelSelector", ""),
        fields=fields,
        resource_version=query.get("resourceVersion", ""),
        version_match=query.get("resourceVersionMatch", ""),
        # Spread over time, so that watches that began together do not end together.
        timeout_seconds=number(query, "timeoutSeconds") or random.uniform(*_WATCH_SECONDS),
        bookmarks=flag(query, "allowWatchBookmarks"),
        initial=flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
    )


def delete_options(query: Query, body: Any) -> DeleteOptions:
    """The options of a deletion: a DeleteOptions body, where the query says nothing else."""
    given = body if isinstance(body, dict) else {}
    preconditions = given.get("preconditions") or {}
    orphan = given.get("orphanDependents")
    propagation = query.get("propagationPolicy", given.get("propagationPolicy"))
    if orphan is not None and propagation is None:
        propagation = "Orphan" if orphan else "Background"
    grace = number(query, "gracePeriodSeconds")
    dry_run = ",".join(given.get("dryRun") or ()) or query.get("dryRun", "")
    version = str(preconditions.get("resourceVersion") or "")
    parse_version(version, "preconditions.resourceVersion")
    return DeleteOptions(
        uid=str(preconditions.get("uid") or ""),
        resource_version=version,
        propagation=None if propagation is None else str(propagation),
        grace_seconds=given.get("gracePeriodSeconds") if grace is None else grace,
        dry_run=_dry_run(dry_run),
    )


def since(query: Query, now: datetime) -> datetime | None:
    """From when on a log is wanted."""
    seconds = number(query, "sinceSeconds")
    return now - timedelta(seconds=seconds) if seconds is not None else parse_time(query.get("sinceTime"))


def _dry_run(value: str) -> bool:
    if value not in ("", "All"):
        raise bad_request(f"dryRun '{value}' is not supported: use All")
    return value == "All"


def _field_validation(value: str) -> FieldValidation:
    try:
        return FieldValidation(value or "Warn")
    except ValueError:
        raise bad_request(f"fieldValidation '{value}' is not supported: use Ignore, Warn or Strict") from None
