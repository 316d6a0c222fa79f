"""A GitHub that behaves: sign-in, conditional requests, limits and faults around the routes; over real HTTP or without.

Tests look at `calls`. Faults are answered first, each as often as it was put there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from fakes import github_app
from fakes.github_server import reads, writes
from fakes.github_server.answers import Answer, Budget, Call, Refused, etag
from fakes.github_server.state import Repository, World

TOKEN = "ghp_of-the-bot"
API = "https://api.github.com"

_REPO = r"/repos/([^/]+/[^/]+)"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", _REPO, reads.repository),
    ("GET", rf"{_REPO}/issues", reads.issues),
    ("GET", rf"{_REPO}/issues/(\d+)", reads.issue),
    ("GET", rf"{_REPO}/issues/(\d+)/comments", reads.comments),
    ("GET", rf"{_REPO}/issues/comments/(\d+)", reads.comment),
    ("GET", rf"{_REPO}/pulls", reads.pulls),
    ("GET", rf"{_REPO}/pulls/(\d+)", reads.pull),
    ("GET", rf"{_REPO}/pulls/(\d+)/reviews", reads.reviews),
    ("GET", rf"{_REPO}/pulls/(\d+)/comments", reads.review_comments),
    ("GET", rf"{_REPO}/pulls/(\d+)/files", reads.files),
    ("GET", rf"{_REPO}/collaborators/([^/]+)/permission", reads.permission),
    ("GET", rf"{_REPO}/commits/([^/]+)/check-runs", reads.check_runs),
    ("GET", rf"{_REPO}/check-runs/(\d+)", reads.check_run),
    ("GET", rf"{_REPO}/(?:commits/([^/]+)/statuses)", reads.statuses),
    ("GET", r"/orgs/([^/]+)/teams/([^/]+)/memberships/([^/]+)", reads.membership),
    ("GET", r"/user", reads.user),
    ("POST", rf"{_REPO}/issues/(\d+)/comments", writes.create_comment),
    ("PATCH", rf"{_REPO}/issues/comments/(\d+)", writes.edit_comment),
    ("DELETE", rf"{_REPO}/issues/comments/(\d+)", writes.delete_comment),
    ("POST", rf"{_REPO}/check-runs", writes.create_check_run),
    ("PATCH", rf"{_REPO}/check-runs/(\d+)", writes.edit_check_run),
    ("POST", rf"{_REPO}/statuses/([^/]+)", writes.create_status),
)


class GitHubServer(World):
    """`people` maps personal tokens to logins; installation tokens are those that `apps` gave out.

    `limit` is the primary limit of an hour; `writes_a_minute` is a secondary one.
    """

    def __init__(self, repository: str = "acme/shop", *, apps: github_app.GitHub | None = None) -> None:
        super().__init__(repository)
        self.people = {TOKEN: "kelos-bot"}
        self.apps = apps
        self.base = API
        self.limit = 5000
        self.writes_a_minute = 0
        self.calls: list[Call] = []
        self.after: Callable[[Call], None] | None = None  # what somebody does right after a request was answered
        self.statuses: list[int] = []
        self._faults: list[tuple[str, Answer]] = []
        self._budgets: dict[str, Budget] = {}
        self._written: list[float] = []

    def fail(self, answer: Answer, *, path: str = "", times: int = 1) -> None:
        """Answer the next requests whose method and path match the pattern with this instead."""
        self._faults += [(path, answer)] * times

    def rename(self, old: str, new: str) -> None:
        found = self.repositories.pop(old)
        self.repositories = {new: replace(found, name=new), **self.repositories, old: Repository(old, moved_to=new)}

    def asked(self, pattern: str = "") -> list[str]:
        """The requests so far, as `GET /path`, that match."""
        shown = [f"{call.method} {call.path}" for call in self.calls]
        return [line for line in shown if re.search(pattern, line)]

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """One request; the names of headers are in lower case."""
        self.step += 1
        call = self._read(method, target, headers, content)
        self.calls.append(call)
        answer = self._fault(call) or self._serve(call, headers)
        self.statuses.append(answer.status)
        if self.after is not None:
            self.after(call)
        return answer

    def _read(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Call:
        path, _, query = target.partition("?")
        base = self.base.removesuffix("/api/v3")
        if path.startswith("/api/v3/"):
            path, base = path.removeprefix("/api/v3"), f"{base}/api/v3"
        token = headers.get("authorization", "").partition(" ")[2]
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = None
        return Call(method, path, dict(parse_qsl(query, keep_blank_values=True)), body, self._who(token), token, base)

    def _who(self, token: str) -> str:
        if self.apps is not None and any(self.apps.is_open(token, name) for name in self._names()):
            return f"app:{token}"
        return self.people.get(token, "")

    def _names(self) -> list[str]:
        return [name.partition("/")[2] for name in self.repositories]

    def _fault(self, call: Call) -> Answer | None:
        line = f"{call.method} {call.path}"
        for position, (pattern, answer) in enumerate(self._faults):
            if re.search(pattern, line):
                del self._faults[position]
                if answer.lost:
                    self._serve(call, {})
                return answer
        return None

    def _serve(self, call: Call, headers: Mapping[str, str]) -> Answer:
        if self.apps is not None and call.path.startswith("/app/"):
            given = self.apps.answer(call.method, call.path, headers, json.dumps(call.body).encode())
            return Answer(given.status, given.body, given.headers)
        if call.token and not call.who:
            return self._dressed(Refused(401, "Bad credentials").answer, {})
        budget = self._budgets.setdefault(call.who, Budget())
        budget.limit = self.limit if call.who else 60
        budget.turn(self.now.timestamp())
        try:
            answer = self._route(call) if budget.used < budget.limit else self._spent(call)
        except Refused as refused:
            answer = refused.answer
        tag = etag(answer, call.token)
        if call.method == "GET" and answer.status == 200 and headers.get("if-none-match") == tag:
            return self._dressed(Answer(304), {**budget.headers(), "ETag": tag})
        budget.used += 1
        return self._dressed(answer, {**budget.headers(), "ETag": tag})

    def _spent(self, call: Call) -> Answer:
        who = f"for user {call.who}" if call.who else "for 127.0.0.1"
        raise Refused(403, f"API rate limit exceeded {who}.")

    def _dressed(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        date = format_datetime(self.now, usegmt=True)
        return replace(answer, headers={"Date": date, **headers, **answer.headers})

    def _route(self, call: Call) -> Answer:
        if call.method != "GET":
            self._count_write()
        for method, pattern, route in ROUTES:
            found = re.fullmatch(pattern, call.path) if method == call.method else None
            if found is None:
                continue
            words: list[Any] = [unquote(word) for word in found.groups()]
            if pattern.startswith(_REPO):
                words[0] = self._repository(call, words[0])
            return route(self, call, *words)
        raise Refused(404, "Not Found")

    def _repository(self, call: Call, name: str) -> Repository:
        found = next((r for known, r in self.repositories.items() if known.lower() == name.lower()), None)
        is_app = call.who.startswith("app:")
        if found is None or (is_app and self.apps and not self.apps.is_open(call.token, name.partition("/")[2])):
            raise Refused(404, "Not Found")
        if found.moved_to:
            rest = call.path.removeprefix(f"/repos/{name}")
            query = "&".join(f"{key}={value}" for key, value in call.query.items())
            location = f"{call.base}/repos/{found.moved_to}{rest}{'?' if query else ''}{query}"
            raise Refused(301, "Moved Permanently", {"Location": location})
        return found

    def _count_write(self) -> None:
        moment = self.now.timestamp()
        self._written = [at for at in self._written if at > moment - 60]
        if self.writes_a_minute and len(self._written) >= self.writes_a_minute:
            raise Refused(403, "You have exceeded a secondary rate limit.", {"Retry-After": "60"})
        self._written.append(moment)
