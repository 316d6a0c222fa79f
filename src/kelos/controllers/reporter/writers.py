"""Whose credentials a report uses: those of the Secret that the Task names, read when they are used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from kelos.api.kinds import SECRET, Manifest
from kelos.api.repository import parse_repository
from kelos.clients.account import Account
from kelos.clients.github.client import GitHub
from kelos.clients.github_writer import GitHubWriter, Standing
from kelos.cluster.protocol import Cluster
from kelos.controllers.reading import find
from kelos.errors import UserError
from kelos.reporting.subject import Subject, Target

REMEMBERED = 1000


class Hopeless(UserError):
    """The Task does not say where to report, or as whom; that will not change."""


class Accounts(Protocol):
    """Who makes accounts of Secrets."""

    def of(self, secret: Manifest | None, *, api_url: str, repository: str) -> Account: ...


class Standings:
    """What is known of the accounts that were used last; one for the whole process."""

    def __init__(self) -> None:
        self._standings: OrderedDict[str, Standing] = OrderedDict()

    def of(self, account: Account) -> Standing:
        standing = self._standings.setdefault(account.key, Standing())
        self._standings.move_to_end(account.key)
        while len(self._standings) > REMEMBERED:
            self._standings.popitem(last=False)
        return standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Writers:
    """Opens GitHub for a Task.

    `workspaces` are those of a namespace: where a Secret is shown is said by whoever may write a Workspace, not by
    whoever may change the annotations of a Task.
    """

    cluster: Cluster
    github: GitHub
    accounts: Accounts
    standings: Standings
    workspaces: Callable[[str], Iterable[Manifest]]

    async def open(self, subject: Subject) -> GitHubWriter:
        """Raises Hopeless, UserError for a Secret that is missing or wrong, ClusterError."""
        target = subject.target
        if not target.secret:
            raise Hopeless("Nothing is reported to GitHub without a token, and the Task names no Secret with one")
        if not (target.api_url.startswith(("https://", "http://")) and target.repository):
            raise Hopeless("The Task does not say to which repository of which GitHub its reports go")
        if not any(_is_for(workspace, target) for workspace in self.workspaces(subject.namespace)):
            raise UserError(
                f"No Workspace uses Secret '{target.secret}' for the GitHub at {target.api_url}, so it is not shown "
                "there; keep the Workspace that the TaskSpawner names"
            )
        secret = await find(self.cluster, SECRET, subject.namespace, target.secret)
        if secret is None:
            raise UserError(f"Secret '{target.secret}' does not exist; create it")
        account = self.accounts.of(secret, api_url=target.api_url, repository=target.repository)
        if account.is_anonymous:
            raise UserError(f"Secret '{target.secret}' opens no account; nothing is reported without a token")
        standing = self.standings.of(account)
        return GitHubWriter(github=self.github, account=account, repository=target.repository, standing=standing)


def _is_for(workspace: Manifest, target: Target) -> bool:
    """Whether the Workspace shows that Secret to that GitHub anyway."""
    spec = workspace.get("spec") or {}
    if (spec.get("secretRef") or {}).get("name") != target.secret:
        return False
    try:
        return parse_repository(str(spec.get("repo", ""))).api_url == target.api_url
    except UserError:
        return False
