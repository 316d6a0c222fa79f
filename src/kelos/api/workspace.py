"""Workspace: the repository an agent works in."""

from __future__ import annotations

from pydantic import Field

from kelos.api.meta import Flag, Model, Object, OpenObject, SecretReference, rules

SCHEMES = ("https://", "http://", "git://", "ssh://", "git@")
_STARTS_RIGHT = rules(
    (
        " || ".join(f"self.startsWith('{scheme}')" for scheme in SCHEMES),
        f"must start with one of {', '.join(SCHEMES)}",
    )
)
_NOT_ORIGIN = rules(("self != 'origin'", "must not be 'origin': that name belongs to the repository itself"))


class Remote(Model):
    """Another git remote."""

    name: str = Field(
        min_length=1, max_length=253, json_schema_extra=_NOT_ORIGIN, description="Name of the remote; not origin."
    )
    url: str = Field(max_length=2048, json_schema_extra=_STARTS_RIGHT, description="Address of the remote.")


class WorkspaceFile(Model):
    """A file written into the checkout."""

    path: str = Field(min_length=1, description="Path inside the checkout.")
    content: str = Field(description="Content of the file.")


class GitUser(Model):
    """Who commits."""

    name: str = Field(default="kelos", description="Name in commits, kelos when unset.")
    email: str = Field(default="kelos@users.noreply.github.com", description="Address in commits.")


class WorkspaceSpec(Model):
    """Where the code comes from and how the checkout is prepared."""

    repo: str = Field(max_length=2048, json_schema_extra=_STARTS_RIGHT, description="Repository to clone.")
    ref: str | None = Field(
        default=None, description="Branch, tag or commit to start from; the remote's default branch when unset."
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="Secret with GITHUB_TOKEN, or with appID, installationID and privateKey of a GitHub App.",
    )
    remotes: tuple[Remote, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        description="Further remotes of the checkout.",
    )
    files: tuple[WorkspaceFile, ...] = Field(default=(), description="Files written into the checkout.")
    setup_command: tuple[str, ...] = Field(
        default=(), min_length=1, description="Command, word by word, that runs in the checkout before the agent."
    )
    ghproxy: OpenObject | None = Field(
        default=None, description="Accepted for manifests that have it; reads are cached without a proxy here."
    )
    persistent: Flag = Field(
        default=False, description="Keep the checkout on a volume between Tasks, which then run one at a time."
    )
    submodules: Flag = Field(default=False, description="Check out submodules too.")
    lfs: Flag = Field(default=False, description="Fetch Git LFS files too.")
    git_user: GitUser = Field(default_factory=GitUser, description="Who commits.")


class Workspace(Object):
    """A git repository in which agents work."""

    spec: WorkspaceSpec = Field(description="Where the code comes from and how the checkout is prepared.")
