"""From GitHub's words to a work item: every variable that templates may name, always."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kelos.api.work_item import Origin, OriginKind, Sighting, Trigger, WorkItem
from kelos.sources.github.items.records import Record
from kelos.sources.github.items.where import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Discussion:
    """What people said, as templates show it."""

    comments: str = ""
    review_comments: str = ""
    review_state: str = ""


def build_item(
    payload: dict[str, Any], record: Record, sighting: Sighting, where: Where, *, said: Discussion, trigger: Trigger
) -> WorkItem:
    """`payload` is an issue or a pull request, read by itself."""
    url = str(payload.get("html_url") or "")
    variables: dict[str, Any] = {
        "ID": str(record.number),
        "Number": record.number,
        "Title": str(payload.get("title") or ""),
        "Body": body_of(payload),
        "URL": url,
        "Labels": ", ".join(record.labels),
        "Comments": said.comments,
        "Kind": "PR" if record.is_pull else "Issue",
        "Branch": str(_head(payload).get("ref") or ""),
        "ReviewState": said.review_state,
        "ReviewComments": said.review_comments,
        "Time": "",
        "Schedule": "",
    }
    origin = Origin(
        kind=OriginKind.PULL_REQUEST if record.is_pull else OriginKind.ISSUE,
        api_url=where.api_url,
        repository=where.repository,
        number=record.number,
        sha=head_sha(payload),
        url=url,
    )
    return WorkItem(
        key=sighting.key,
        revision=sighting.revision,
        labels=record.labels,
        trigger=trigger,
        variables=variables,
        origin=origin,
    )


def body_of(payload: dict[str, Any]) -> str:
    return str(payload.get("body") or "")


def head_sha(payload: dict[str, Any]) -> str:
    return str(_head(payload).get("sha") or "")


def _head(payload: dict[str, Any]) -> dict[str, Any]:
    found = payload.get("head")
    return found if isinstance(found, dict) else {}
