"""Issues of one project of a Jira: found by a search, read one by one."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import Any

from kelos.api.work_item import Sighting, WorkItem
from kelos.clients.jira import Jira
from kelos.clients.jira_login import Site
from kelos.errors import RemoteError
from kelos.sources.jira.documents import BUDGET_BYTES, joined, plain, size
from kelos.sources.jira.jql import compose
from kelos.sources.protocol import Listing
from kelos.sources.shelf import Shelf, weigh

SIGHTING_FIELDS = ("updated", "labels")
FIELDS = ("summary", "status", "labels", "issuetype", "updated", "description")
LONGEST_TIME, LONGEST_NAME, MOST_LABELS = 40, 255, 200
"""Of what is kept: whatever stands at the address, one issue fills no memory."""

_NUMBER = re.compile(r"[^-]*-([0-9]{1,18})")


class JiraIssues:
    """The source `when.jira`. It looks at `MOST` issues, and says so when there are more."""

    MOST = 20_000

    def __init__(
        self, jira: Jira, site: Site, *, project: str, jql: str = "", shelf: Shelf | None = None, owner: str = ""
    ) -> None:
        """`owner` is the namespace for which it looks."""
        self._jira = jira
        self._shelf = shelf or Shelf()
        self._owner = owner
        self._project = project
        self._site = site
        self._jql = compose(project, jql)

    async def look(self) -> Listing:
        """Every issue that the search finds now, in Jira's order."""
        found: dict[str, Sighting] = {}
        place = self._shelf.place(self._owner, f"What Jira finds in project {self._project}")
        size_bytes = 0
        try:
            async with aclosing(self._jira.search(self._site, self._jql, SIGHTING_FIELDS)) as pages:
                async for page in pages:
                    new = [_sighting(issue) for issue in page if issue["key"] not in found]
                    found.update((sighting.key, sighting) for sighting in new)
                    size_bytes += weigh(new)
                    self._shelf.resize(place, size_bytes)
                    if len(found) > self.MOST:
                        break
        finally:
            self._shelf.let_go(place)
        sightings = tuple(found.values())
        if len(sightings) <= self.MOST:
            return Listing(sightings=sightings)
        note = f"Jira finds more than {self.MOST} issues; narrow jira.jql to see the rest"
        return Listing(sightings=sightings[: self.MOST], is_complete=False, note=note)

    async def read(self, sighting: Sighting) -> WorkItem | None:
        """The issue with its newest comments; None when it is gone or goes by another key now."""
        issue = await self._jira.find_issue(self._site, sighting.key, FIELDS)
        if issue is None or issue["key"] != sighting.key:
            return None
        comments = await self._comments(sighting.key)
        fields = issue["fields"]
        return WorkItem(
            key=sighting.key,
            revision=_text(fields, "updated"),
            labels=_labels(fields),
            variables=variables(sighting.key, fields, comments, self._site.base_url),
        )

    async def _comments(self, key: str) -> str:
        """As many pages as the budget has room for."""
        bodies: list[str] = []
        seen, held = 0, 0
        while True:
            comments = await self._jira.comments(self._site, key, seen)
            bodies += [body for one in comments.page if (body := plain(one.get("body")))]
            seen += len(comments.page)
            held = sum(map(size, bodies))
            if not comments.page or seen >= comments.total or held > BUDGET_BYTES:
                return joined(bodies)


def variables(key: str, fields: dict[str, Any], comments: str, base_url: str) -> dict[str, Any]:
    """What templates may name; all of them, whatever the issue has."""
    number = _NUMBER.fullmatch(key)
    kind = fields.get("issuetype")
    return {
        "ID": key,
        "Number": int(number[1]) if number else 0,
        "Title": _text(fields, "summary"),
        "Body": plain(fields.get("description")),
        "URL": f"{base_url}/browse/{key}",
        "Labels": ", ".join(_labels(fields)),
        "Comments": comments,
        "Kind": (_text(kind, "name") if isinstance(kind, dict) else "") or "Issue",
        "Branch": "",
        "ReviewState": "",
        "ReviewComments": "",
        "Time": "",
        "Schedule": "",
    }


def _sighting(issue: dict[str, Any]) -> Sighting:
    """No larger than what Jira itself would show."""
    key, fields = issue["key"], issue["fields"]
    if len(key) > LONGEST_NAME:
        raise RemoteError("Jira lists an issue whose key is none; see what stands at jira.baseUrl")
    labels = tuple(label[:LONGEST_NAME] for label in _labels(fields)[:MOST_LABELS])
    return Sighting(key=key, revision=_text(fields, "updated")[:LONGEST_TIME], labels=labels)


def _labels(fields: dict[str, Any]) -> tuple[str, ...]:
    found = fields.get("labels")
    return tuple(label for label in found if isinstance(label, str)) if isinstance(found, list) else ()


def _text(fields: dict[str, Any], name: str) -> str:
    found = fields.get(name)
    return found if isinstance(found, str) else ""
