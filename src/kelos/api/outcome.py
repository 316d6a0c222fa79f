"""What an agent's run came to: the noun that travels from the runner to the step outputs."""

from __future__ import annotations

from dataclasses import dataclass, field

from kelos.api.reasons import Reason

RESPONSE_LIMIT_BYTES = 64 * 1024
"""Longer response texts are cut in status; the runner says so with `response_is_cut`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and money of one or more runs. `None` means the agent did not say.

    `input_tokens` counts uncached input only, for every agent; `output_tokens` includes reasoning.
    `cost_usd` is plain decimal text without exponent or sign, as exact as the agent reported it.
    """

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: str | None = None
    model: str | None = None

    @property
    def is_empty(self) -> bool:
        return self == Usage(model=self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEnd:
    """How the agent's own stream ended, read by its adapter. `reason` is None only for a normal end."""

    reason: Reason | None = None
    message: str = ""
    usage: Usage = field(default_factory=Usage)
    response: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFacts:
    """What the checkout looked like after the run, `base_commit` before. `pushed` is None with nothing to ask."""

    branch: str | None = None
    commit: str | None = None
    base_branch: str | None = None
    base_commit: str | None = None
    pushed: bool | None = None
    pull_requests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt's end as the runner (or, for images that only print markers, the log) tells it.

    `reason` None is success. `lines` are the raw output lines as they go to `status.outputs`.
    `response_sha256` is set when the log may hold more of the response than is here; it is the log copy's hash.
    """

    reason: Reason | None = None
    message: str = ""
    exit_code: int | None = None
    git: GitFacts = field(default_factory=GitFacts)
    usage: Usage = field(default_factory=Usage)
    response: str | None = None
    response_is_cut: bool = False
    response_sha256: str | None = None
    session_id: str | None = None
    lines: tuple[str, ...] = ()

    @property
    def is_success(self) -> bool:
        return self.reason is None
