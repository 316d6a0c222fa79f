"""What is written at GitHub: comments, check runs and commit statuses of one repository.

All requests go through the client that reads GitHub, too: one sign-in, one budget for each account, one reading of
GitHub's refusals. After a RemoteError nobody knows whether GitHub did what it was asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from kelos.clients.account import Account
from kelos.clients.github.answers import Missing, NotAllowed
from kelos.clients.github.client import GitHub
from kelos.errors import RemoteError, UserError

LONGEST_WRITE_SECONDS = 30.0
BETWEEN_WRITES_SECONDS = 1.0
"""GitHub asks for this between requests that change something."""
MOST_TURNS, MISSED_SECONDS = 1000, 60.0

_REPOSITORY = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(slots=True, kw_only=True)
class Standing:
    """What is known of one account: when its next turn to write is, whose it is, and what it cannot do."""

    login: str | None = None
    has_check_runs: bool = True
    _next_at: float = 0.0
    _turns: dict[Hashable, float] = field(default_factory=dict)

    def turn(self, who: Hashable, now: float) -> float:
        """In how many seconds it is their turn to write, by a monotonic clock; 0 when it is, and then it is taken.

        Whoever has to wait is in line: nobody who asks later comes first, and nobody waits in here.
        """
        at = self._turns.get(who)
        if at is None:
            at = self._turns[who] = max(now, self._next_at)
            self._next_at = at + BETWEEN_WRITES_SECONDS
            self._tidy(now)
        if at > now:
            return at - now
        del self._turns[who]
        return 0.0

    def _tidy(self, now: float) -> None:
        """Turns that nobody came for."""
        if len(self._turns) > MOST_TURNS:
            self._turns = {who: at for who, at in self._turns.items() if at > now - MISSED_SECONDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubWriter:
    """One repository, `owner/name`, as one account may write to it.

    Raises UserError for what a person must mend (Missing, NotAllowed), RateLimited, and RemoteError for the rest.
    """

    github: GitHub
    account: Account
    repository: str
    standing: Standing = field(default_factory=Standing)

    def __post_init__(self) -> None:
        if not _REPOSITORY.fullmatch(self.repository):
            raise UserError(f"'{self.repository[:200]}' is no repository of the form owner/name")

    async def create_comment(self, number: int, body: str) -> int:
        """A new comment below an issue or pull request; its number."""
        return _id(await self._send("POST", f"issues/{number}/comments", {"body": body}))

    async def edit_comment(self, comment_id: int, body: str) -> None:
        """Raises Missing when somebody deleted it."""
        await self._send("PATCH", f"issues/comments/{comment_id}", {"body": body})

    async def find_comment(self, number: int, marker: str, since: datetime | None = None) -> int | None:
        """The newest comment of ours with this marker; with `since` only among those written or edited after it."""
        params = {"since": _moment(since)} if since is not None else {}
        found: int | None = None
        async for comments in self.github.pages(self.account, self._path(f"issues/{number}/comments"), params):
            for comment in comments:
                if marker in str(comment.get("body") or "") and await self._is_ours(comment):
                    found = max(found or 0, _id(comment))
        return found

    async def head_of(self, number: int) -> str:
        """The newest commit of a pull request; empty when it is none."""
        found = await self.github.find(self.account, self._path(f"pulls/{number}"))
        head = (found or {}).get("head")
        return str(head.get("sha") or "") if isinstance(head, dict) else ""

    async def create_check_run(self, run: Mapping[str, Any]) -> int:
        """A new check run; its number. Raises NotAllowed or Missing where the account cannot make any."""
        _known_sha(str(run.get("head_sha")))
        return _id(await self._send("POST", "check-runs", run))

    async def edit_check_run(self, check_id: int, run: Mapping[str, Any]) -> None:
        """Raises Missing when it is gone."""
        await self._send("PATCH", f"check-runs/{check_id}", {k: v for k, v in run.items() if k != "head_sha"})

    async def find_check_run(self, sha: str, name: str, external_id: str) -> int | None:
        """The newest check run of that name on the commit that carries our mark."""
        query = urlencode({"check_name": name, "filter": "all", "per_page": 100})
        answer = await self.github.get(self.account, self._path(f"commits/{_known_sha(sha)}/check-runs?{query}"))
        runs = [run for run in answer.get("check_runs") or () if isinstance(run, dict)]
        return max((_id(run) for run in runs if run.get("external_id") == external_id), default=None)

    async def create_status(self, sha: str, status: Mapping[str, str]) -> None:
        """A commit status with `state`, `context` and `description`; the newest of a context counts."""
        await self._send("POST", f"statuses/{_known_sha(sha)}", status)

    async def has_status(self, sha: str, status: Mapping[str, str]) -> bool:
        """Whether the newest status of this context says just that."""
        async for page in self.github.pages(self.account, self._path(f"commits/{_known_sha(sha)}/statuses")):
            same = [one for one in page if one.get("context") == status["context"]]
            if same:
                return all(same[0].get(key) == value for key, value in status.items())
        return False

    async def _is_ours(self, comment: Mapping[str, Any]) -> bool:
        """Whether this account wrote it: anybody can write a marker, and a comment of theirs stays theirs."""
        if self.account.is_app:
            app = comment.get("performed_via_github_app")
            return isinstance(app, dict) and str(app.get("id")) == self.account.app_id
        user = comment.get("user")
        if not isinstance(user, dict):
            return False
        login = await self._login()
        return str(user.get("login", "")).lower() == login if login else user.get("type") == "Bot"

    async def _login(self) -> str:
        """In lower case; empty for a token that is no person's: that of a workflow, or of an App."""
        if self.standing.login is None:
            try:
                answer = await self.github.get(self.account, "/user")
            except (NotAllowed, Missing):
                answer = {}
            self.standing.login = str(answer.get("login") or "").lower()
        return self.standing.login

    async def _send(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """On its way for a limited time: whoever looks later for what it has done must be able to rely on that."""
        try:
            async with asyncio.timeout(LONGEST_WRITE_SECONDS):
                return await self.github.send(self.account, method, self._path(path), body)
        except TimeoutError:
            raise RemoteError(f"GitHub at {self.account.api_url} took too long") from None

    def _path(self, path: str) -> str:
        return f"/repos/{self.repository}/{path}"


def _known_sha(text: str) -> str:
    if not _SHA.fullmatch(text):
        raise UserError(f"'{text[:80]}' is no commit")
    return text


def _moment(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _id(answer: Mapping[str, Any]) -> int:
    found = answer.get("id")
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise RemoteError("GitHub answered without the number of what it made")
    return found
