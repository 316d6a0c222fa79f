"""Whatever stands between us and GitHub may answer anything: it becomes a work item, nothing, or a RemoteError."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelos.api.github_sources import CommentPolicy
from kelos.api.work_item import Sighting, Trigger, WorkItem
from kelos.errors import RemoteError
from kelos.sources.github.details import _remark
from kelos.sources.github.items.build import Discussion, build_item
from kelos.sources.github.items.commands import find_command
from kelos.sources.github.items.records import Kind, read_record
from kelos.sources.github.items.reviews import standing_of
from kelos.sources.github.items.rights import role_of
from kelos.sources.github.items.texts import place_of
from kelos.sources.github.items.where import Where

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["APPROVED", "2026", "/go"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
FIELDS = (
    *("created_at", "updated_at", "state", "user", "labels", "assignees", "head", "draft", "body", "title"),
    *("id", "commit_id", "submitted_at", "path", "line", "login", "sha", "ref", "name", "role_name", "permission"),
)
ANYTHING = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3)
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=6)
ITEMS = st.builds(lambda number, payload: {**payload, "number": number}, st.integers() | JSON, PAYLOADS)
WHERE = Where(api_url="https://api.github.com", repository="acme/shop")


@given(ITEMS, st.sampled_from(Kind))
def test_an_item(payload, kind):
    try:
        record = read_record(payload, kind)
    except RemoteError:
        return
    item = build_item(payload, record, Sighting(key="1"), WHERE, said=Discussion(), trigger=Trigger())

    assert isinstance(item, WorkItem)


@given(st.lists(PAYLOADS, max_size=3))
def test_what_people_said(payloads):
    policy = CommentPolicy(trigger_comment="/go")
    for payload in payloads:
        find_command(policy, _remark(payload, "comment"))
        place_of(payload)
        role_of(payload)

    assert standing_of(payloads, "a" * 40).state in ("", "approved", "changes_requested")
