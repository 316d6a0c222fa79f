"""A Jira that behaves, over real HTTP: Cloud with its pages by token, or Data Center with its pages by number.

Shapes, limits and words are those of the two products' REST API, version 2.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fakes.jira.jql import BadQuery, Issue, search
from fakes.loopback import on_loopback

USER, TOKEN = "bot@example.com", "jira-token-of-the-bot"
MOST_PER_PAGE = 100


@dataclass
class Reply:
    """An answer; one in `FakeJira.replies` comes in place of the usual one. `drop` hangs up instead."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass
class Asked:
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class FakeJira:
    """State and script. `is_cloud` decides about addresses, pages and credentials."""

    def __init__(self, *, is_cloud: bool = True) -> None:
        self.is_cloud = is_cloud
        self.most_per_page = MOST_PER_PAGE
        self.issues: list[Issue] = []
        self.comments: dict[str, list[dict[str, Any]]] = {}
        self.moved: dict[str, str] = {}
        self.replies: list[Reply] = []
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        self.url = ""

    def add(self, key: str, **fields: Any) -> None:
        """An issue; what is not said is usual."""
        number = len(self.issues) + 1
        moment = f"2026-11-29T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000+0000"
        usual = {
            "summary": f"Summary of {key}",
            "description": f"Description of {key}",
            "status": {"name": "Open", "id": "1"},
            "priority": {"name": "High", "id": "2"},
            "issuetype": {"name": "Bug", "id": "10004", "subtask": False},
            "labels": [],
            "created": moment,
            "updated": moment,
        }
        self.issues.append({"key": key, "id": str(10000 + number), "fields": {**usual, **fields}})

    def comment(self, key: str, body: Any) -> None:
        """Another one, newer than all before."""
        said = self.comments.setdefault(key, [])
        number = len(said) + 1
        author = {"displayName": "Ada", "active": True, "accountId": "5b10a2844c20165700ede21g"}
        made = f"2026-11-29T{number // 60:02}:{number % 60:02}:00.000+0000"
        said.append({"id": str(20000 + number), "author": author, "body": body, "created": made, "updated": made})

    def answer(self, asked: Asked) -> Reply:
        """What Jira says to one GET."""
        if not self._is_known(asked.headers.get("authorization", "")):
            return Reply(
                401,
                {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}},
                {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED", "WWW-Authenticate": "OAuth realm=jira"},
            )
        parts = [unquote(part) for part in asked.path.removeprefix("/rest/api/2/").split("/")]
        if not asked.path.startswith("/rest/api/2/"):
            return Reply(404, {})
        if parts == ["search", "jql"] and self.is_cloud:
            return self._page_by_token(asked.query)
        if parts == ["search"]:
            if self.is_cloud:
                return _refused(410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql.")
            return self._page_by_number(asked.query)
        if parts[0] == "issue" and len(parts) in (2, 3):
            return self._issue(parts[1:], asked.query)
        return Reply(404, {"message": "null for uri: " + asked.path, "status-code": 404})

    def _is_known(self, authorization: str) -> bool:
        if self.is_cloud:
            return authorization == "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        return authorization == f"Bearer {TOKEN}"

    def _page_by_token(self, query: dict[str, str]) -> Reply:
        """The token is opaque: here it is the place of the next issue, in disguise."""
        try:
            found = search(query.get("jql", ""), self.issues)
            start = int(base64.b64decode(query.get("nextPageToken", "")).decode() or 0)
        except BadQuery as error:
            return _refused(400, str(error))
        except ValueError:
            return _refused(400, "The provided next page token is invalid or expired.")
        end = start + self._size(query)
        body: dict[str, Any] = {
            "issues": [_shown(issue, query.get("fields", "id"), self.url) for issue in found[start:end]],
            "isLast": end >= len(found),
        }
        if end < len(found):
            body["nextPageToken"] = base64.b64encode(str(end).encode()).decode()
        return Reply(200, body)

    def _page_by_number(self, query: dict[str, str]) -> Reply:
        try:
            found = search(query.get("jql", ""), self.issues)
        except BadQuery as error:
            return _refused(400, str(error))
        start, most = int(query.get("startAt", 0)), self._size(query)
        shown = [_shown(issue, query.get("fields", "*navigable"), self.url) for issue in found[start : start + most]]
        page = {"startAt": start, "maxResults": most, "total": len(found), "issues": shown}
        return Reply(200, {"expand": "schema,names", **page})

    def _size(self, query: dict[str, str]) -> int:
        return min(int(query.get("maxResults", 50)), self.most_per_page)

    def _issue(self, parts: list[str], query: dict[str, str]) -> Reply:
        key = self.moved.get(parts[0], parts[0])
        issue = next((one for one in self.issues if one["key"] == key), None)
        if issue is None:
            return _refused(404, "Issue does not exist or you do not have permission to see it.")
        if len(parts) == 1:
            return Reply(200, _shown(issue, query.get("fields", "*all"), self.url))
        said = list(self.comments.get(key, []))
        if query.get("orderBy") == "-created":
            said.reverse()
        start, most = int(query.get("startAt", 0)), self._size(query)
        page = {"startAt": start, "maxResults": most, "total": len(said)}
        return Reply(200, {**page, "comments": said[start : start + most]})


@contextmanager
def fake_jira(*, is_cloud: bool = True) -> Iterator[FakeJira]:
    """A server on a free port of loopback, gone at the end."""
    fake = FakeJira(is_cloud=is_cloud)
    with on_loopback(lambda *args: _Request(fake, *args)) as fake.url:
        yield fake


class _Request(BaseHTTPRequestHandler):
    def __init__(self, fake: FakeJira, *args: Any) -> None:
        self.fake = fake
        super().__init__(*args)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        asked = Asked(address.path, query, {name.lower(): value for name, value in self.headers.items()})
        with self.fake.lock:
            self.fake.asked.append(asked)
            reply = self.fake.replies.pop(0) if self.fake.replies else self.fake.answer(asked)
        if reply.drop:
            return
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _shown(issue: Issue, fields: str, url: str) -> dict[str, Any]:
    """Only what was asked for; `id` alone is what Cloud's search gives unasked."""
    found = {"id": issue["id"], "key": issue["key"], "self": f"{url}/rest/api/2/issue/{issue['id']}"}
    if fields == "id":
        return {"id": issue["id"]}
    wanted = None if fields.startswith("*") else fields.split(",")
    shown = {name: value for name, value in issue["fields"].items() if wanted is None or name in wanted}
    return {"expand": "renderedFields,names", **found, "fields": shown}


def _refused(status: int, words: str) -> Reply:
    return Reply(status, {"errorMessages": [words], "errors": {}})
