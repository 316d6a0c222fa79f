"""Everything about one item, fetched only for what could become a Task and once for all who saw the same of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kelos.api.github_sources import CommentPolicy
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub, Params
from kelos.errors import UserError
from kelos.sources.github.items.commands import Command, Remark, find_command
from kelos.sources.github.items.records import login_of, moment
from kelos.sources.github.items.texts import Tail, place_of

PAGE = 100
MOST_PAGES = 50
"""Of a longer discussion the newest part is read."""


@dataclass(slots=True, kw_only=True)
class Said:
    """What is left of a discussion when it was read: commands, and the newest text."""

    policy: CommentPolicy
    commands: list[Command] = field(default_factory=list)
    comments: Tail = field(default_factory=Tail)
    review_comments: Tail = field(default_factory=Tail)

    def hear(self, remark: Remark) -> None:
        command = find_command(self.policy, remark)
        if command is not None:
            self.commands.append(command)


class Details:
    """Reads the items of one repository. `as_of` is the revision that somebody saw."""

    def __init__(self, github: GitHub, account: Account, repository: str) -> None:
        self._github = github
        self._account = account
        self._root = f"/repos/{repository}"

    async def issue(self, key: str, *, as_of: str) -> dict[str, Any] | None:
        return await self._github.find(self._account, f"{self._root}/issues/{key}", as_of=as_of)

    async def pull(self, key: str, *, as_of: str) -> dict[str, Any] | None:
        return await self._github.find(self._account, f"{self._root}/pulls/{key}", as_of=as_of)

    async def comments(self, said: Said, item: dict[str, Any], *, as_of: str) -> None:
        """The conversation; nothing is asked where nobody spoke."""
        count = _count(item, "comments")
        if count == 0:
            return
        first = max((count + PAGE - 1) // PAGE - MOST_PAGES + 1, 1)
        params: Params = {"page": first} if first > 1 else {}
        path = f"{self._root}/issues/{item['number']}/comments"
        async for page in self._github.pages(self._account, path, params, as_of=as_of):
            for comment in page:
                said.hear(_remark(comment, "comment"))
                said.comments.add(str(comment.get("body") or ""))

    async def review_comments(self, said: Said, pull: dict[str, Any], head_sha: str, *, as_of: str) -> None:
        """What stands at lines of the code: all of it may command, templates see what is about the head commit."""
        if _count(pull, "review_comments") == 0:
            return
        path = f"{self._root}/pulls/{pull['number']}/comments"
        async for page in self._github.pages(self._account, path, as_of=as_of):
            for comment in page:
                said.hear(_remark(comment, "review-comment"))
                body = str(comment.get("body") or "")
                if body.strip() and comment.get("commit_id") == head_sha:
                    said.review_comments.add(body, heading=place_of(comment))

    async def reviews(self, said: Said, pull: dict[str, Any], *, as_of: str) -> list[dict[str, Any]]:
        """All reviews, without what they say."""
        found: list[dict[str, Any]] = []
        path = f"{self._root}/pulls/{pull['number']}/reviews"
        async for page in self._github.pages(self._account, path, as_of=as_of):
            for review in page:
                said.hear(_remark(review, "review"))
                found.append({name: review.get(name) for name in ("id", "user", "state", "commit_id", "submitted_at")})
        return found

    async def has_file(self, pull: dict[str, Any], counts: Callable[[str], bool], *, as_of: str) -> bool:
        """Whether one of the changed files counts. Raises UserError when GitHub does not list all of them."""
        seen = 0
        async for page in self._github.pages(self._account, f"{self._root}/pulls/{pull['number']}/files", as_of=as_of):
            seen += len(page)
            if any(counts(str(file.get("filename") or "")) for file in page):
                return True
        if seen < _count(pull, "changed_files", default=0):
            raise UserError(
                f"Pull request #{pull['number']} changes more files than the {seen} that GitHub lists: "
                "filePatterns cannot tell whether it counts"
            )
        return False


def _remark(said: dict[str, Any], kind: str) -> Remark:
    """An edit counts like something new."""
    times = [moment(said.get(name)) for name in ("created_at", "updated_at", "submitted_at")]
    return Remark(
        key=f"{kind}:{said.get('id')}",
        author=login_of(said),
        at=max((at for at in times if at is not None), default=None),
        text=str(said.get("body") or ""),
    )


def _count(item: dict[str, Any], name: str, default: int = 1) -> int:
    """Where GitHub does not count, something may be there."""
    found = item.get(name)
    return found if isinstance(found, int) else default
