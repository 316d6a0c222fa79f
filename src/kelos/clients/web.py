"""One request with bounds: so many seconds, so many bytes, and redirects that give nothing away.

Headers beyond the harmless ones go to the site they were meant for, and to no other one a redirect leads to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx

from kelos.clients.flight import OBJECT_BYTES, Flight, decode
from kelos.errors import RemoteError

HARMLESS = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})
"""Headers that say nothing about who asks; the only ones another site gets to see."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_BODY = frozenset({307, 308})


class Unanswered(RemoteError):
    """Nobody answered, or not to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. Headers may be secret and are in no representation."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`seconds` are those of the whole: connecting, redirects, and the last byte. `may_leave`: to other sites."""

    seconds: float
    size_bytes: int
    redirects: int = 10
    may_leave: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; a redirect only when it must not be followed."""

    status: int
    headers: httpx.Headers
    content: bytes


async def ask(client: httpx.AsyncClient, request: Request, bounds: Bounds, flight: Flight | None = None) -> Answer:
    """Ask once, and again where redirects lead. Raises RemoteError, whose text names sites and no secret."""
    try:
        async with asyncio.timeout(bounds.seconds):
            for _ in range(bounds.redirects + 1):
                answer = await _exchange(client, request, bounds, flight or Flight())
                onward = redirected(request, answer, may_leave=bounds.may_leave)
                if onward is None:
                    return answer
                request = onward
    except TimeoutError:
        raise Unanswered(f"{site(request.url)} did not answer within {bounds.seconds:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unanswered(f"{site(request.url)} cannot be reached ({type(error).__name__})") from None
    raise RemoteError(f"{site(request.url)} redirects more than {bounds.redirects} times")


async def _exchange(client: httpx.AsyncClient, request: Request, bounds: Bounds, flight: Flight) -> Answer:
    """One request, which carries no cookie that an earlier answer left: it may have been for somebody else."""
    headers = [(name.encode(), text.encode()) for name, text in request.headers.items()]
    built = client.build_request(
        request.method, request.url, headers=headers, content=request.body, timeout=bounds.seconds
    )
    if not any(name.lower() == "cookie" for name in request.headers):
        built.headers.pop("Cookie", None)
    response = await client.send(built, stream=True, follow_redirects=False)
    try:
        content = bytearray()
        if response.status_code not in _REDIRECTS:
            with flight.answer(f"What {site(request.url)} answers") as grow:
                async for part in response.aiter_bytes():
                    grow(len(part))
                    content += part
                    if len(content) > bounds.size_bytes:
                        raise RemoteError(f"{site(request.url)} answers with more than {bounds.size_bytes} bytes")
        return Answer(status=response.status_code, headers=response.headers, content=bytes(content))
    finally:
        await response.aclose()


def redirected(request: Request, answer: Answer, *, may_leave: bool) -> Request | None:
    """The request that follows, as browsers make it; None when there is none, or when it must not be made."""
    location = answer.headers.get("location", "")
    if answer.status not in _REDIRECTS or not location:
        return None
    try:
        here = httpx.URL(request.url)
        there = here.join(location)
    except (httpx.InvalidURL, ValueError):
        return None
    is_lowered = here.scheme == "https" and there.scheme != "https"
    if is_lowered or there.scheme not in ("http", "https") or not there.host or there.userinfo:
        return None
    onward = replace(request, url=str(there))
    if answer.status not in _KEEPS_BODY and request.method != "HEAD":
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
        onward = replace(
            onward, method="GET", body=None, headers=headers if request.method != "GET" else request.headers
        )
    if _is_same_site(here, there):
        return onward
    if not may_leave:
        return None
    return replace(onward, headers={name: text for name, text in onward.headers.items() if name.lower() in HARMLESS})


def _is_same_site(here: httpx.URL, there: httpx.URL) -> bool:
    """The same host and door, or the same host's usual door for https after the one for http."""
    if here.host != there.host:
        return False
    return (here.scheme, here.port) == (there.scheme, there.port) or (
        (here.scheme, here.port, there.scheme, there.port) == ("http", None, "https", None)
    )


def site(url: str) -> str:
    """Scheme, host and port: what may be said of an address whose path and query may hold secrets."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return "the address"
    return f"{found.scheme}://{found.netloc.decode('ascii', 'replace')}"


def words(content: bytes, *keys: str) -> str:
    """What a site says about a refusal: the texts under these keys of its JSON, on one line and short."""
    try:
        found = decode(content, OBJECT_BYTES)
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    said: list[str] = []
    for key in keys:
        value = found.get(key)
        parts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
        said += [part for part in parts if isinstance(part, str) and part.strip()]
    return clean(" ".join(said))


def clean(text: str, limit: int = 200) -> str:
    """Foreign text as a part of a sentence of ours."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 4]).split())
    return line if len(line) <= limit else line[:limit].rstrip() + "…"
