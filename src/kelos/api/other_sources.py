"""Sources without GitHub: Jira is polled, a schedule ticks, Linear and anybody else push."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import ConfigDict, Field

from kelos.api.meta import Model, Pattern, SecretReference, rules
from kelos.api.polling import PollInterval


class Jira(Model):
    """Issues of a Jira project."""

    base_url: str = Field(
        max_length=2048,
        json_schema_extra=rules(
            ("self.startsWith('https://') || self.startsWith('http://')", "must start with https:// or http://")
        ),
        description="Root of the Jira site.",
    )
    project: str = Field(min_length=1, description="Key of the project.")
    jql: str | None = Field(default=None, description="Further condition in JQL; its ORDER BY counts.")
    secret_ref: SecretReference = Field(description="Secret with JIRA_TOKEN, and JIRA_USER for Jira Cloud.")
    poll_interval: PollInterval | None = Field(
        default=None, description="How often to look, such as 30s, 5m or 1h30m; 5m when unset."
    )


class MissedRuns(str, Enum):
    """What becomes of ticks that passed while nobody could act: an outage, a suspension, no free place."""

    SKIP = "Skip"
    LATEST = "Latest"
    ALL = "All"


class Cron(Model):
    """A schedule; every tick is an item."""

    schedule: str = Field(
        min_length=1, max_length=256, description="Five fields: minute, hour, day of month, month, day of week."
    )
    time_zone: str | None = Field(
        default=None, max_length=64, description="IANA name such as Europe/Berlin; UTC when unset."
    )
    missed_runs: MissedRuns = Field(
        default=MissedRuns.LATEST,
        description="What to make up for of the ticks that were missed: Skip, Latest (when unset) or All.",
    )


class LinearAction(str, Enum):
    """The empty word means any."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    ANY = ""


class LinearFilter(Model):
    """One way for an event to match; every field that is set must."""

    type: str | None = Field(default=None, description="Only events of this resource type.")
    action: LinearAction | None = Field(default=None, description="create, update or remove; any when unset.")
    states: tuple[str, ...] = Field(default=(), description="Workflow states, any of which will do.")
    labels: tuple[str, ...] = Field(default=(), description="Labels that must all be there.")
    exclude_labels: tuple[str, ...] = Field(default=(), description="Labels of which none may be there.")


class LinearWebhook(Model):
    """What Linear tells."""

    types: tuple[str, ...] = Field(min_length=1, description="Resource types, such as Issue or Comment.")
    filters: tuple[LinearFilter, ...] = Field(default=(), description="One of them must match; all do when empty.")


class GenericFilter(Model):
    """What a value of the payload must be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.value) != has(self.pattern)", "exactly one of 'value' and 'pattern' must be set")
        )
    )

    field: str = Field(min_length=1, max_length=1024, description="JSONPath of the value, such as $.event.type.")
    value: str | None = Field(default=None, description="The value itself; it may be empty.")
    pattern: Pattern | None = Field(default=None, description="Regular expression (RE2) found in it.")


Filters = Annotated[tuple[GenericFilter, ...], Field(max_length=100)]


class GenericWebhook(Model):
    """What anybody tells in JSON."""

    source: str = Field(
        max_length=63,
        json_schema_extra=rules(
            (
                "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
                "must be lower case letters, digits and '-', beginning and ending with a letter or digit",
            )
        ),
        description="Last part of the address it is told at: /webhook/<source>.",
    )
    field_mapping: dict[str, str] = Field(
        json_schema_extra=rules(("'id' in self", "must have the key 'id', which tells one thing from another")),
        description="Template variables and the JSONPath of each; id is required.",
    )
    filters: Filters = Field(default=(), description="All of them must match.")
    exclude_filters: Filters = Field(default=(), description="None of them may match.")
