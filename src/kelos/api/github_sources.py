"""GitHub as a source: issues and pull requests that are polled, and what all sources of GitHub share."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import ConfigDict, Field

from kelos.api.meta import Flag, Model, rules
from kelos.api.polling import PollInterval

Labels = tuple[str, ...]
_ADDRESS = " || ".join(f"self.startsWith('{scheme}')" for scheme in ("https://", "http://", "ssh://", "git@"))
RepositoryName = Annotated[
    str,
    Field(
        max_length=2048,
        json_schema_extra=rules(
            (
                rf"self == '' || self.matches('^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$') || {_ADDRESS}",
                "must be owner/repo or the address of a repository",
            )
        ),
    ),
]
Team = Annotated[
    str,
    Field(
        max_length=256,
        json_schema_extra=rules((r"self.matches('^[^/\\s]+/[^/\\s]+$')", "must look like org/team-slug")),
    ),
]


class State(str, Enum):
    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


class ItemType(str, Enum):
    """What the listing of issues holds: pull requests are issues too."""

    ISSUES = "issues"
    PULLS = "pulls"


class ReviewState(str, Enum):
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    ANY = "any"


class Permission(str, Enum):
    """Rights in a repository; each includes those before it."""

    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"


class CommentMode(str, Enum):
    PER_TASK = "PerTask"
    STICKY = "Sticky"


_WHO = "allowedUsers, allowedTeams and minimumPermission"
_AUTHORISES_SOMETHING = (
    "(has(self.triggerComment) && self.triggerComment != '')"
    " || (has(self.excludeComments) && self.excludeComments.size() > 0)"
    " || ((!has(self.allowedUsers) || self.allowedUsers.size() == 0)"
    " && (!has(self.allowedTeams) || self.allowedTeams.size() == 0) && !has(self.minimumPermission))"
)


class CommentPolicy(Model):
    """Which comments ask for a Task or forbid one, and who may write them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                _AUTHORISES_SOMETHING,
                f"{_WHO} say who may write commands: set 'triggerComment' or 'excludeComments' too",
            )
        )
    )

    trigger_comment: str | None = Field(
        default=None, description="A line that somebody allowed must have written, in a comment or the item."
    )
    exclude_comments: tuple[str, ...] = Field(
        default=(), description="Lines that keep an item out when somebody allowed has written one."
    )
    allowed_users: tuple[str, ...] = Field(default=(), description="Logins whose comments count, in any case.")
    allowed_teams: tuple[Team, ...] = Field(
        default=(), max_length=100, description="Teams (org/team-slug) whose members' comments count."
    )
    minimum_permission: Permission | None = Field(
        default=None, description="Right in the repository from which on comments count."
    )

    @property
    def has_commands(self) -> bool:
        """Whether comments have to be read at all."""
        return bool(self.trigger_comment or self.exclude_comments)

    @property
    def is_for_everybody(self) -> bool:
        """Whether anybody's comments count."""
        return not (self.allowed_users or self.allowed_teams or self.minimum_permission)


class CommentReporting(Model):
    """Status comments at the item."""

    mode: CommentMode = Field(
        default=CommentMode.PER_TASK,
        description="PerTask (when unset) writes a comment for every Task, Sticky keeps one for the item.",
    )


class CheckReporting(Model):
    """Check runs at the head commit."""

    name: str | None = Field(default=None, max_length=100, description="Name of the check instead of 'Kelos: <name>'.")


class Reporting(Model):
    """What is told where an item comes from."""

    enabled: Flag = Field(default=False, description="Status comments, one per Task; the older form of comments.")
    comments: CommentReporting | None = Field(default=None, description="Status comments; even empty it turns them on.")
    checks: CheckReporting | None = Field(default=None, description="Check runs; even empty it turns them on.")

    @property
    def has_comments(self) -> bool:
        return self.enabled or self.comments is not None

    @property
    def comment_mode(self) -> CommentMode:
        return self.comments.mode if self.comments else CommentMode.PER_TASK

    @property
    def has_checks(self) -> bool:
        return self.checks is not None

    @property
    def is_wanted(self) -> bool:
        return self.has_comments or self.has_checks


class FilePatterns(Model):
    """Which changed files count: globs over whole paths, `**` crosses folders."""

    include: tuple[str, ...] = Field(default=(), description="One of the files left must match one of these.")
    exclude: tuple[str, ...] = Field(default=(), description="Files that match one of these are left out first.")


ONE_COMMENT_POLICY = (
    "!has(self.commentPolicy) || (!has(self.triggerComment) && !has(self.excludeComments))",
    "triggerComment and excludeComments may not be set when 'commentPolicy' is set: they are its older form",
)


class PolledGitHub(Model):
    """What issues and pull requests have alike."""

    repo: RepositoryName | None = Field(
        default=None, description="owner/repo or an address to poll instead of the Workspace's repository."
    )
    labels: Labels = Field(default=(), description="Labels that an item must all have.")
    exclude_labels: Labels = Field(default=(), description="Labels of which an item must have none.")
    state: State = Field(default=State.OPEN, description="open (when unset), closed or all.")
    comment_policy: CommentPolicy | None = Field(
        default=None, description="Comments that ask for a Task or forbid one, and who may write them."
    )
    author: str | None = Field(default=None, description="Login of the author.")
    exclude_authors: tuple[str, ...] = Field(default=(), description="Logins of authors whose items are left out.")
    priority_labels: Labels = Field(default=(), description="Items with the first of these come first, and so on.")
    reporting: Reporting | None = Field(default=None, description="What is told at the item.")
    poll_interval: PollInterval | None = Field(
        default=None, description="How often to look, such as 30s, 5m or 1h30m; 5m when unset."
    )
    trigger_comment: str | None = Field(default=None, description="The older form of commentPolicy.triggerComment.")
    exclude_comments: tuple[str, ...] = Field(
        default=(), description="The older form of commentPolicy.excludeComments."
    )

    @property
    def comments(self) -> CommentPolicy:
        """The policy that counts, in whichever form it was written."""
        policy = self.comment_policy or CommentPolicy()
        return policy.model_copy(
            update={
                "trigger_comment": policy.trigger_comment or self.trigger_comment,
                "exclude_comments": policy.exclude_comments or self.exclude_comments,
            }
        )

    @property
    def reports(self) -> Reporting:
        return self.reporting or Reporting()


class GitHubIssues(PolledGitHub):
    """Issues of a repository."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ONE_COMMENT_POLICY,
            (
                "!has(self.reporting) || !has(self.reporting.checks)",
                "reporting.checks may not be set for issues: a check belongs to a commit",
            ),
        )
    )

    types: tuple[ItemType, ...] = Field(
        default=(ItemType.ISSUES,), description="issues (when unset), pulls, or both: GitHub lists them together."
    )
    assignee: str | None = Field(default=None, description="Login of the assignee; * is anybody, none is nobody.")


class GitHubPullRequests(PolledGitHub):
    """Pull requests of a repository."""

    model_config = ConfigDict(json_schema_extra=rules(ONE_COMMENT_POLICY))

    review_state: ReviewState = Field(
        default=ReviewState.ANY, description="approved, changes_requested, or any (when unset)."
    )
    draft: Flag | None = Field(default=None, description="Only drafts, or only what is none; both when unset.")
    file_patterns: FilePatterns | None = Field(default=None, description="Which files a pull request must change.")
