"""Pull requests of the branch: asked of `gh`, kept only when they are of this repository and this commit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kelos.api import names
from kelos.api.repository import is_of_github, parse_repository
from kelos.errors import UserError
from kelos.outputs import values
from kelos.runner.git import run

FIELDS = "url,headRefOid,headRepository,headRepositoryOwner"
LIMIT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a pull request must come from: `repository` is owner/name, `commits` are the branch here and on origin."""

    repository: str
    branch: str
    commits: frozenset[str]


def head_repository(origin_url: str) -> str | None:
    """Owner and name of origin, or None when the URL has none."""
    try:
        found = parse_repository(origin_url)
    except UserError:
        return None
    return found.full_name if found.owner else None


def find_pull_requests(head: Head, upstream: str, *, cwd: str, seconds: float) -> tuple[str, ...]:
    """Their addresses; none when there is no `gh` or it cannot ask."""
    found: list[str] = []
    for target in dict.fromkeys(("", upstream)):
        repo = ("--repo", target) if target else ()
        query = ("gh", "pr", "list", "--head", head.branch, "--json", FIELDS, "--limit", str(LIMIT), *repo)
        result = run(query, cwd=cwd, seconds=seconds, env=_fresh_token(os.environ))
        if result.is_good:
            found += matching(result.out, head)
    return tuple(dict.fromkeys(found))


def matching(answer: str, head: Head) -> list[str]:
    """Addresses of the pull requests that come from this head. Branches of the same name in forks are not ours."""
    try:
        entries = json.loads(answer)
    except (ValueError, RecursionError):
        return []
    return [
        url
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
        and (url := values.pull_request(entry.get("url"))) is not None
        and entry.get("headRefOid") in head.commits
        and _repository(entry).lower() == head.repository.lower()
    ]


def _fresh_token(env: Mapping[str, str]) -> dict[str, str]:
    """The token from its file: the one in the environment is as old as the pod."""
    try:
        with open(env.get(names.ENV_TOKEN_FILE, ""), encoding="utf-8") as stream:
            token = stream.read().strip()
    except (OSError, ValueError):
        return {}
    is_plain = is_of_github(env.get(names.ENV_GH_HOST) or "github.com")
    return {names.ENV_GH_TOKEN if is_plain else names.ENV_GH_ENTERPRISE_TOKEN: token} if token else {}


def _repository(entry: dict[str, object]) -> str:
    words: Iterable[object] = (
        _member(entry.get("headRepositoryOwner"), "login"),
        _member(entry.get("headRepository"), "name"),
    )
    return "/".join(str(word) for word in words)


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
