"""What is fetched for an item before its Task is made, to be used in templates as `.Context.<name>`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import ConfigDict, Field

from kelos.api.meta import Flag, Int32, Model, SecretReference, rules

DEFAULT_API_URL = "https://api.github.com"


class FailurePolicy(str, Enum):
    """What a fetch that failed does to the item."""

    FAIL = "Fail"
    IGNORE = "Ignore"


class HttpMethod(str, Enum):
    GET = "GET"
    POST = "POST"


class HeaderFrom(Model):
    """A header whose value is in a Secret."""

    header: str = Field(min_length=1, description="Name of the header.")
    secret_name: str = Field(min_length=1, max_length=253, description="Name of the Secret.")
    secret_key: str = Field(min_length=1, max_length=253, description="Key in the Secret.")


class GitHubAppAuth(Model):
    """Signing in with an installation token of a GitHub App."""

    secret_ref: SecretReference = Field(description="Secret with appID, installationID and privateKey.")
    api_base_url: Annotated[
        str,
        Field(max_length=2048, json_schema_extra=rules(("self.startsWith('https://')", "must start with https://"))),
    ] = Field(default=DEFAULT_API_URL, description=f"Root of the GitHub API, {DEFAULT_API_URL} when unset.")


class FilterType(str, Enum):
    JSON_PATH = "JSONPath"


class ResponseFilter(Model):
    """The part of the answer that is wanted."""

    type: FilterType = Field(default=FilterType.JSON_PATH, description="JSONPath.")
    expression: str = Field(min_length=1, max_length=1024, description="The expression, such as $.items[0].name.")


class HttpContext(Model):
    """One HTTP request."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!self.url.startsWith('http://') || (has(self.allowInsecure) && self.allowInsecure)",
                "url must start with https:// unless 'allowInsecure' is true",
            )
        )
    )

    url: str = Field(min_length=1, max_length=8192, description="Address; a Go template.")
    method: HttpMethod = Field(default=HttpMethod.GET, description="GET (when unset) or POST.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers; their values are Go templates.")
    headers_from: tuple[HeaderFrom, ...] = Field(
        default=(), max_length=16, description="Headers from Secrets; they win over headers."
    )
    github_app_auth: GitHubAppAuth | None = Field(
        default=None, description="Sign in as a GitHub App, unless there is an Authorization header."
    )
    body: str | None = Field(default=None, description="Body of a POST; a Go template.")
    response_filter: ResponseFilter | None = Field(default=None, description="Which part of the answer is wanted.")
    allow_insecure: Flag = Field(default=False, description="Allow http.")
    timeout_seconds: Int32 = Field(default=10, ge=1, le=60, description="Limit of the request, 10 when unset.")
    max_response_bytes: Int32 = Field(
        default=32768, ge=1, le=131072, description="A longer answer is a failure; 32768 when unset."
    )


class ContextSource(Model):
    """A value for templates."""

    name: str = Field(
        min_length=1,
        max_length=64,
        json_schema_extra=rules(
            (
                "self.matches('^[a-zA-Z][a-zA-Z0-9_]*$')",
                "must begin with a letter and hold only letters, digits and '_'",
            )
        ),
        description="Name in templates: .Context.<name>.",
    )
    failure_policy: FailurePolicy = Field(
        default=FailurePolicy.FAIL, description="Fail (when unset), or Ignore: the value is then empty."
    )
    http: HttpContext = Field(description="The request.")
