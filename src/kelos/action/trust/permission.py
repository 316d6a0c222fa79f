"""Asks GitHub what somebody may do in the repository. Whatever goes wrong there, nobody is let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

from kelos.action.api.proxy import proxy_for
from kelos.action.api.web import Answer, ask
from kelos.action.trust.rules import Permission
from kelos.api.checks import excerpt
from kelos.errors import KelosError, RateLimited, RemoteError, UserError

TRIES = 4
TRY_SECONDS = 15.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
FOLDED = {("WRITE", "maintain"): Permission.MAINTAIN, ("READ", "triage"): Permission.TRIAGE}


class Denied(KelosError):
    """The token may not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHub:
    """One repository at one GitHub, asked with one token."""

    url: str
    repository: str
    token: str = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    sleep: Callable[[float], object]

    def permission_of(self, name: str) -> Permission:
        """What the person may do; Denied, RemoteError or UserError when GitHub does not say."""
        if not self.token:
            raise UserError("The input `github-token` is empty, so nobody's permission can be asked for: leave it out")
        path = f"repos/{quote(self.repository)}/collaborators/{quote(name, safe='')}/permission"
        answer = self._insist(f"{self.url.rstrip('/')}/{path}")
        if answer.status == 200 and (permission := permission_in(answer.data)) is not None:
            return permission
        raise _refusal(answer, self._host, name)

    @property
    def _host(self) -> str:
        return urlsplit(self.url).netloc

    def _insist(self, url: str) -> Answer:
        """The answer, asked for again where that may help; the last failure speaks."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        for attempt in range(TRIES):
            pause = FIRST_PAUSE_SECONDS * 2**attempt
            try:
                answer = ask(url, headers, proxy=proxy_for(url, self.env), timeout=TRY_SECONDS)
            except RemoteError as error:
                if attempt == TRIES - 1:
                    raise RemoteError(f"Nobody's permission can be asked for: {error}: run the step again") from error
            else:
                wished = _wait_seconds(answer)
                is_final = answer.status < 500 and wished is None
                if is_final or attempt == TRIES - 1 or (wished or 0.0) > LONGEST_PAUSE_SECONDS:
                    return answer
                pause = max(pause, wished or 0.0)
            self.sleep(pause)
        raise AssertionError("The last try returns or raises")


def permission_in(data: Mapping[str, object]) -> Permission | None:
    """GitHub folds `maintain` into write and `triage` into read; the role's name tells them apart."""
    word = str(data.get("permission") or "").upper()
    folded = FOLDED.get((word, str(data.get("role_name") or "")))
    return folded or (Permission[word] if word in Permission.__members__ else None)


def _wait_seconds(answer: Answer) -> float | None:
    """How long GitHub wants to be left alone, when that is what the answer says."""
    if answer.status not in (403, 429):
        return None
    if (word := answer.headers.get("retry-after", "")).isdecimal():
        return float(word)
    if answer.headers.get("x-ratelimit-remaining") == "0" or answer.status == 429:
        return float("inf") if answer.headers.get("x-ratelimit-reset") else FIRST_PAUSE_SECONDS
    return None


def _refusal(answer: Answer, host: str, name: str) -> KelosError:
    said = excerpt(str(answer.data.get("message") or "no words"))
    if _wait_seconds(answer) is not None:
        word = answer.headers.get("x-ratelimit-reset", "")
        at = datetime.fromtimestamp(int(word) if word.isdecimal() else 0, timezone.utc)
        when = f"after {at:%H:%M} UTC" if word.isdecimal() else "later"
        return RateLimited(
            f"{host} lets this token ask no more for now ({said}): run the step again {when}", retry_at=at
        )
    if answer.status == 401:
        return Denied(f"{host} does not accept the `github-token` ({said}): give one that is valid")
    if answer.status in (403, 404):
        return Denied(
            f"{host} does not tell this token what '{excerpt(name)}' may do ({answer.status}, {said}): give the job "
            "`permissions: contents: read`, or a `github-token` that may read this repository"
        )
    return RemoteError(
        f"{host} did not say what '{excerpt(name)}' may do ({answer.status}, {said}): run the step again"
    )
