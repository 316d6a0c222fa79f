"""What GitHub's answers mean: where the next page is, when to come back, and which sentence a person gets."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import httpx

from kelos.clients.flight import OBJECT_BYTES, decode
from kelos.errors import RateLimited, RemoteError, UserError

LIMITED_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3600.0

_DIGITS = re.compile(r"[0-9]{1,20}")
_RESOURCES = ("issues", "pulls", "comments", "reviews", "collaborators")


class Missing(UserError):
    """What was asked for is not there, or not for this account: GitHub does not tell the two apart."""


class NotAllowed(UserError):
    """The account may not do this."""


class Answer(Protocol):
    """An answer that was read to its end."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> httpx.Headers: ...

    @property
    def content(self) -> bytes: ...


def limited_until(answer: Answer, now: datetime) -> datetime | None:
    """When GitHub wants to be asked again; None when the answer is not about limits."""
    headers = answer.headers
    is_spent = headers.get("x-ratelimit-remaining") == "0"
    is_told = is_spent or "retry-after" in headers or "secondary rate limit" in said(answer).lower()
    if answer.status_code != httpx.codes.TOO_MANY_REQUESTS and not (
        answer.status_code == httpx.codes.FORBIDDEN and is_told
    ):
        return None
    if _DIGITS.fullmatch(wait := headers.get("retry-after", "")):
        return now + timedelta(seconds=min(int(wait), LONGEST_WAIT_SECONDS))
    if is_spent and (reset := reset_of(headers)) is not None:
        seconds = (reset - now).total_seconds()
        return now + timedelta(seconds=min(max(seconds, 1.0), LONGEST_WAIT_SECONDS))
    return now + timedelta(seconds=LIMITED_SECONDS)


def reset_of(headers: httpx.Headers) -> datetime | None:
    """When the primary limit starts anew."""
    text = headers.get("x-ratelimit-reset", "")
    return datetime.fromtimestamp(int(text), timezone.utc) if re.fullmatch(r"[0-9]{1,11}", text) else None


def date_of(headers: httpx.Headers) -> datetime | None:
    """The moment of the answer by GitHub's clock."""
    try:
        found = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)


def next_page(link: str, url: str) -> str:
    """The address of the page after the one at `url`; empty at the end. Raises RemoteError for another host's."""
    for part in link.split(","):
        found = re.fullmatch(r'\s*<([^>]*)>\s*;.*\brel="?next"?.*', part)
        if found:
            target: str = urljoin(url, found[1])
            if not is_same_host(target, url):
                raise RemoteError("GitHub's list goes on at another host; see whether a proxy changes its answers")
            return target
    return ""


def is_same_host(one: str, other: str) -> bool:
    """Whether a token for the one may go to the other."""
    try:
        a, b = urlsplit(one), urlsplit(other)
        return (a.scheme, a.hostname, a.port) == (b.scheme, b.hostname, b.port)
    except ValueError:
        return False


def resource_of(path: str) -> str:
    """What a request is about, for metrics: one of few words."""
    found = [word for word in urlsplit(path).path.split("/") if word in _RESOURCES]
    return found[-1] if found else "other"


def said(answer: Answer) -> str:
    """What GitHub says about it, in brackets, short and on one line."""
    message = json_object(answer).get("message")
    if not isinstance(message, str) or not message.strip():
        return ""
    return f" ({''.join(c if c.isprintable() else ' ' for c in message)[:200].strip().rstrip('.')})"


def json_object(answer: Answer) -> dict[str, Any]:
    try:
        found = decode(answer.content, OBJECT_BYTES)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def refusal(answer: Answer, *, method: str, path: str, who: str, retry_at: datetime | None) -> Exception:
    """The error of an answer that is no success; with `retry_at` it is about limits."""
    status, why = answer.status_code, said(answer)
    if retry_at is not None:
        return limited(f"{who}{why}", retry_at)
    if status == httpx.codes.UNAUTHORIZED:
        return UserError(f"GitHub does not know {who}{why}: store a token that is valid")
    if status == httpx.codes.FORBIDDEN:
        deed = "read" if method == "GET" else "write to"
        return NotAllowed(f"GitHub does not let {who} {deed} {path}{why}: give the token or App that permission")
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE, 451):
        return Missing(
            f"GitHub shows {who} nothing at {path}{why}: check the repository, and what the token or App may see"
        )
    if 400 <= status < 500 and status not in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.CONFLICT):
        return UserError(f"GitHub does not take {method} {path} of {who}: it answered {status}{why}")
    return RemoteError(f"GitHub answered {status} to {method} {path}{why}")


def limited(who: str, until: datetime) -> RateLimited:
    moment = until.strftime("%H:%M:%S UTC")
    return RateLimited(f"GitHub has had too many requests of {who}; they go on at {moment}", retry_at=until)
