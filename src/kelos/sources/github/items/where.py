"""Which repository is polled: the Workspace's, or the one that the source names instead."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kelos.api.repository import Repository, parse_repository
from kelos.errors import UserError

GITHUB = "https://github.com"

_NAME = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,100}"
_SHORT = re.compile(rf"{_NAME}/{_NAME}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A repository, `owner/name`, of the GitHub whose API is at `api_url`."""

    api_url: str
    repository: str


def find_where(workspace_repo: str, override: str) -> Where:
    """`override` is owner/name or an address; only an address brings its own host. Raises UserError when neither names
    a repository."""
    if not override and not workspace_repo:
        raise UserError("no repository is named: set taskTemplate.workspaceRef, or the source's repo")
    if override and _is_short(override):
        host = parse_repository(workspace_repo) if workspace_repo else parse_repository(f"{GITHUB}/{override}")
        return _where(host, override.removesuffix(".git"))
    found = parse_repository(override or workspace_repo)
    return _where(found, "/".join(found.path.split("/")[-2:]))


def _is_short(text: str) -> bool:
    return "://" not in text and "@" not in text and ":" not in text


def _where(host: Repository, name: str) -> Where:
    if not _SHORT.fullmatch(name):
        raise UserError("the repository must be owner/name, or an address such as https://github.com/owner/name")
    return Where(api_url=host.api_url, repository=name)
