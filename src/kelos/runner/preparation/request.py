"""What the preparing container is asked for, read from its environment and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kelos.api import names
from kelos.api.checks import is_branch_name
from kelos.api.reasons import Reason
from kelos.runner.failure import Failure
from kelos.runner.git import without_user_info

_URL = re.compile(r"(?:https?|git|ssh)://[^\s\x00-\x1f\x7f-]\S*")
_SCP = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*@[A-Za-z0-9_.][A-Za-z0-9_.-]*:[^\s\x00-\x1f\x7f-]\S*")
_REMOTE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


UNNAMED_SECRET = "the Secret that the Workspace's secretRef names"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillSource:
    """`token_file` is empty for a public repository, `skill` for all skills, `ref` for the default branch."""

    source: str
    skill: str
    ref: str
    token_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRequest:
    """`repo` is empty without a Workspace."""

    repo: str
    ref: str
    ref_setting: str
    """Where a wrong ref is put right, as messages name it."""
    branch: str
    directory: str
    remotes: tuple[tuple[str, str], ...]
    user_name: str
    user_email: str
    submodules: bool
    lfs: bool
    has_token: bool
    secret: str
    """Which Secret to look at when the repository refuses the token, as messages name it."""
    inputs_dir: str
    plugin_dir: str
    tidy_dir: str
    """The volume of a persistent Workspace; empty when nobody was there before."""
    skills: tuple[SkillSource, ...]

    @property
    def remedy(self) -> str:
        """What helps a checkout that an earlier Task left broken."""
        stays = "If this stays, delete the PersistentVolumeClaim of the Workspace: the next Task clones anew"
        return stays if self.tidy_dir else ""

    @property
    def shown_repo(self) -> str:
        """The repository as messages name it."""
        return without_user_info(self.repo)


def read_request(env: Mapping[str, str]) -> PrepareRequest:
    """Raises Failure when a value cannot be used."""
    repo, branch = env.get(names.ENV_REPO, ""), env.get(names.ENV_BRANCH, "")
    directory = env.get(names.ENV_WORKSPACE_DIR) or names.PATH_REPO
    if repo:
        check_url(repo, "the Workspace's repo")
    if repo and branch and not is_branch_name(branch):
        raise _invalid(
            f"Branch '{_shown(branch)}' is not a name git accepts; set another one in the Task's spec.branch"
        )
    ref = env.get(names.ENV_REF, "")
    ref_setting = "the Task's baseRef" if env.get(names.ENV_REF_FROM) == "Task" else "the Workspace's ref"
    if _CONTROL.search(ref) or len(ref) > 500:
        raise _invalid(f"Ref '{_shown(ref)}' is not a name git accepts; set another one in {ref_setting}")
    return PrepareRequest(
        repo=repo,
        ref=ref,
        ref_setting=ref_setting,
        branch=branch,
        directory=directory,
        remotes=tuple(_remote(entry) for entry in _list(env, names.ENV_REMOTES)),
        user_name=env.get(names.ENV_GIT_USER_NAME, "kelos"),
        user_email=env.get(names.ENV_GIT_USER_EMAIL, "kelos@users.noreply.github.com"),
        submodules=env.get(names.ENV_SUBMODULES) == "1",
        lfs=env.get(names.ENV_LFS) == "1",
        has_token=bool(env.get(names.ENV_TOKEN_FILE) or env.get(names.ENV_GITHUB_TOKEN)),
        secret=_secret(env),
        inputs_dir=env.get(names.ENV_INPUTS_DIR, ""),
        plugin_dir=env.get(names.ENV_PLUGIN_DIR, ""),
        tidy_dir=env.get(names.ENV_TIDY_DIR, ""),
        skills=tuple(_skill(entry) for entry in _list(env, names.ENV_SKILLS)),
    )


def _secret(env: Mapping[str, str]) -> str:
    name, workspace = env.get(names.ENV_GIT_LOGIN_FROM), env.get(names.ENV_WORKSPACE_NAME)
    return f"the Secret '{name}' that Workspace '{workspace}' names" if name else UNNAMED_SECRET


def check_url(url: str, what: str) -> str:
    """A URL of a kind we clone from; other transports can run programs or read local files."""
    if not (_URL.fullmatch(url) or _SCP.fullmatch(url)):
        shown = _shown(without_user_info(url))
        raise _invalid(
            f"'{shown}' is no address for {what}: use https://host/owner/name, ssh://… or git@host:owner/name"
        )
    return url


def _remote(entry: Mapping[str, Any]) -> tuple[str, str]:
    name, url = str(entry.get("name") or ""), str(entry.get("url") or "")
    if not _REMOTE_NAME.fullmatch(name) or not is_branch_name(name) or name == "origin":
        raise _invalid(f"'{_shown(name)}' is no name for a remote; choose letters, digits, '-', and not 'origin'")
    return name, check_url(url, f"remote '{name}'")


def _skill(entry: Mapping[str, Any]) -> SkillSource:
    ref = str(entry.get("ref") or "")
    if ref and not is_branch_name(ref):
        raise _invalid(
            f"Ref '{_shown(ref)}' of a skill package is not a name git accepts; correct the AgentConfig's skills"
        )
    return SkillSource(
        ref=ref,
        source=str(entry.get("source") or ""),
        skill=str(entry.get("skill") or ""),
        token_file=str(entry.get("tokenFile") or ""),
    )


def _list(env: Mapping[str, str], name: str) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(env.get(name) or "[]")
    except ValueError as error:
        raise _invalid(f"{name} is not JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise _invalid(f"{name} must be a JSON list of objects")
    return found


def _invalid(message: str) -> Failure:
    return Failure(Reason.INVALID_SPEC, message)


def _shown(text: str) -> str:
    return _CONTROL.sub("?", text)[:80]
