"""`spec.when`: the one source that a TaskSpawner has."""

from __future__ import annotations

from enum import Enum

from pydantic import ConfigDict, Field

from kelos.api.github_sources import GitHubIssues, GitHubPullRequests
from kelos.api.github_webhook import GitHubWebhook
from kelos.api.meta import Model, OpenObject, rules
from kelos.api.other_sources import Cron, GenericWebhook, Jira, LinearWebhook
from kelos.errors import UserError

AnySource = GitHubIssues | GitHubPullRequests | Jira | Cron | GitHubWebhook | LinearWebhook | GenericWebhook


class SourceKind(str, Enum):
    """The sources, by their names in a manifest."""

    GITHUB_ISSUES = "githubIssues"
    GITHUB_PULL_REQUESTS = "githubPullRequests"
    JIRA = "jira"
    CRON = "cron"
    GITHUB_WEBHOOK = "githubWebhook"
    LINEAR_WEBHOOK = "linearWebhook"
    WEBHOOK = "webhook"

    @property
    def is_pushed(self) -> bool:
        """Whether somebody tells us, instead of us asking."""
        return self in (SourceKind.GITHUB_WEBHOOK, SourceKind.LINEAR_WEBHOOK, SourceKind.WEBHOOK)

    @property
    def needs_workspace(self) -> bool:
        return self in NEED_A_WORKSPACE


NEED_A_WORKSPACE = (
    SourceKind.GITHUB_ISSUES,
    SourceKind.GITHUB_PULL_REQUESTS,
    SourceKind.GITHUB_WEBHOOK,
    SourceKind.LINEAR_WEBHOOK,
)
_KINDS = ", ".join(kind.value for kind in SourceKind)
_ONE = f"exactly one source must be set: {_KINDS}"
_IS_SET = ", ".join(f"has(self.{kind.value})" for kind in SourceKind)


class When(Model):
    """Where work comes from: exactly one of these."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!has(self.slack)", f"slack may not be set: Slack is not supported here, use one of {_KINDS}"),
            (f"has(self.slack) || [{_IS_SET}].filter(is, is).size() == 1", _ONE),
        )
    )

    github_issues: GitHubIssues | None = Field(default=None, description="Issues of a repository, polled.")
    github_pull_requests: GitHubPullRequests | None = Field(
        default=None, description="Pull requests of a repository, polled."
    )
    jira: Jira | None = Field(default=None, description="Issues of a Jira project, polled.")
    cron: Cron | None = Field(default=None, description="A schedule.")
    github_webhook: GitHubWebhook | None = Field(default=None, description="Events of GitHub.")
    linear_webhook: LinearWebhook | None = Field(default=None, description="Events of Linear.")
    webhook: GenericWebhook | None = Field(default=None, description="JSON that anybody posts.")
    slack: OpenObject | None = Field(default=None, description="Not supported; refused.")

    @property
    def kind(self) -> SourceKind:
        """Which source is set. Raises UserError unless it is exactly one, as admission does."""
        (kind, _) = self._only
        return kind

    @property
    def source(self) -> AnySource:
        """The source that is set. Raises UserError unless it is exactly one, as admission does."""
        (_, source) = self._only
        return source

    @property
    def _only(self) -> tuple[SourceKind, AnySource]:
        found = [(kind, source) for kind, source in self._all.items() if source is not None]
        if len(found) != 1 or self.slack is not None:
            raise UserError(f"spec.when: {_ONE}")
        return found[0]

    @property
    def _all(self) -> dict[SourceKind, AnySource | None]:
        return {
            SourceKind.GITHUB_ISSUES: self.github_issues,
            SourceKind.GITHUB_PULL_REQUESTS: self.github_pull_requests,
            SourceKind.JIRA: self.jira,
            SourceKind.CRON: self.cron,
            SourceKind.GITHUB_WEBHOOK: self.github_webhook,
            SourceKind.LINEAR_WEBHOOK: self.linear_webhook,
            SourceKind.WEBHOOK: self.webhook,
        }
