"""What goes over the wire: answers, pages with their Link header, and limits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """`drop` closes the connection instead; `lost` does the deed first."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    lost: bool = False


@dataclass(frozen=True)
class Call:
    """A request as it came. `who` is the login or App it signed in as."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    who: str = ""
    token: str = field(default="", repr=False)
    base: str = ""


class Refused(Exception):
    """The answer to a request that is not right."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        link = "https://docs.github.com/rest"
        body = {"message": message, "documentation_url": link, "status": str(status)}
        self.answer = Answer(status, body, headers or {})


def paged(call: Call, things: Sequence[Json], *, wrapped_in: str = "") -> Answer:
    """The page that was asked for, thirty when no number is said, a hundred at most."""
    size = min(int(call.query.get("per_page") or 30), 100)
    page = max(int(call.query.get("page") or 1), 1)
    last = max((len(things) + size - 1) // size, 1)
    links = {}
    if page < last:
        links |= {"next": page + 1, "last": last}
    if page > 1:
        links |= {"prev": page - 1, "first": 1}
    said = ", ".join(f'<{_address(call, number)}>; rel="{rel}"' for rel, number in links.items())
    shown = list(things[(page - 1) * size : page * size])
    body = {"total_count": len(things), wrapped_in: shown} if wrapped_in else shown
    return Answer(200, body, {"Link": said} if said else {})


def _address(call: Call, page: int) -> str:
    return f"{call.base}{call.path}?{urlencode({**call.query, 'page': page})}"


def etag(answer: Answer, token: str) -> str:
    """GitHub's differ from token to token."""
    content = json.dumps(answer.body, sort_keys=True) + token + str(answer.headers.get("Link"))
    return f'W/"{hashlib.sha256(content.encode()).hexdigest()[:40]}"'


@dataclass
class Budget:
    """The primary limit of one account: so many answers an hour; 304 costs nothing."""

    limit: int = 5000
    used: int = 0
    resets_at: float = 0.0

    def turn(self, now: float) -> None:
        if now >= self.resets_at:
            self.used, self.resets_at = 0, now + 3600

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(self.limit - self.used, 0)),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(int(self.resets_at)),
            "X-RateLimit-Resource": "core",
        }
