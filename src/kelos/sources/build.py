"""From a TaskSpawner to the source it names; Secrets are read here, whenever they are used, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from kelos.api.github_sources import GitHubIssues, GitHubPullRequests
from kelos.api.kinds import SECRET, Manifest
from kelos.api.other_sources import Cron, Jira
from kelos.api.task_spawner import TaskSpawner
from kelos.api.work_item import WorkItem
from kelos.api.workspace import Workspace
from kelos.clients.account import Accounts
from kelos.clients.github.client import GitHub
from kelos.clients.jira import Jira as JiraClient
from kelos.clients.jira_login import read_site
from kelos.cluster.protocol import Cluster
from kelos.errors import Forbidden, NotFound, UserError
from kelos.sources.context.fetch import ContextFetcher
from kelos.sources.cron import CronSource, Schedule
from kelos.sources.github.issues import Issues
from kelos.sources.github.items.where import find_where
from kelos.sources.github.mirror import Mirrors
from kelos.sources.github.pull_requests import PullRequests
from kelos.sources.jira.issues import JiraIssues
from kelos.sources.protocol import Source
from kelos.sources.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBuilder:
    """`warn` hears of context sources that failed and are ignored."""

    cluster: Cluster
    github: GitHub
    mirrors: Mirrors
    accounts: Accounts
    jira: JiraClient
    fetcher: ContextFetcher
    warn: Callable[[str], object]
    shelf: Shelf = field(default_factory=Shelf)

    async def of(self, spawner: TaskSpawner, workspace: Workspace | None, schedule: Schedule) -> Source:
        """Raises UserError when something is missing or wrong."""
        source = spawner.spec.when.source
        match source:
            case Cron():
                return CronSource(source, schedule)
            case Jira():
                secret = await self.secret(spawner.meta.namespace, source.secret_ref.name)
                site = read_site(source.base_url, secret)
                owner, jql = spawner.meta.namespace, source.jql or ""
                return JiraIssues(self.jira, site, project=source.project, jql=jql, shelf=self.shelf, owner=owner)
            case GitHubIssues() | GitHubPullRequests():
                return await self._of_github(spawner, workspace, source)
            case _:
                raise UserError(f"spec.when.{spawner.spec.when.kind.value} is not polled")

    async def context(self, spawner: TaskSpawner, item: WorkItem) -> Mapping[str, str]:
        """What the template's context sources say of an item. Raises UserError and RemoteError."""
        wanted = spawner.spec.task_template.context_sources
        if not wanted:
            return {}
        read_secret = partial(self.secret, spawner.meta.namespace)
        found = await self.fetcher.fetch(wanted, item.variables, read_secret)
        for warning in found.warnings:
            self.warn(f"TaskSpawner '{spawner.meta.name}', item {item.key}: {warning}")
        return found.values

    async def secret(self, namespace: str, name: str) -> Manifest:
        """The Secret as it is now."""
        try:
            return await self.cluster.get(SECRET, namespace, name)
        except NotFound:
            raise UserError(f"Secret '{name}' does not exist in namespace '{namespace}'; create it") from None
        except Forbidden as answer:
            raise UserError(f"Secret '{name}' in namespace '{namespace}' may not be read: {answer}") from None

    async def _of_github(
        self, spawner: TaskSpawner, workspace: Workspace | None, source: GitHubIssues | GitHubPullRequests
    ) -> Source:
        where = find_where(workspace.spec.repo if workspace is not None else "", source.repo or "")
        ref = workspace.spec.secret_ref if workspace is not None else None
        if workspace is not None and ref is not None and where.api_url != find_where(workspace.spec.repo, "").api_url:
            raise UserError(
                f"repo '{source.repo}' is of another host than Workspace '{workspace.meta.name}', whose Secret is not "
                "for it; name a Workspace of that host"
            )
        secret = await self.secret(spawner.meta.namespace, ref.name) if ref is not None else None
        account = self.accounts.of(secret, api_url=where.api_url, repository=where.repository)
        seconds, owner = float(spawner.spec.poll_seconds), spawner.meta.namespace
        if isinstance(source, GitHubIssues):
            return Issues(self.github, self.mirrors, account, where, source, poll_seconds=seconds, owner=owner)
        return PullRequests(self.github, self.mirrors, account, where, source, poll_seconds=seconds, owner=owner)
