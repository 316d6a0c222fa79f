"""Why a run failed: one reason and one sentence from status codes and free text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kelos.agents.sentences import inner_message, last_line, last_lines, one_line
from kelos.api.outcome import AgentEnd, Usage
from kelos.api.reasons import Reason

CREDENTIAL_STATUSES = (401, 403)
LIMIT_STATUSES = (429, 529)
TELLING_LINES = 5
WORDS_LIMIT = 400  # what an agent may say within one of our sentences

_STATUS = re.compile(
    r"(?i)(?:status(?: code)?|api error|http(?:/[0-9.]+)?|code|error)[\"'\\\s:=]{0,5}(?P<code>[45][0-9]{2})\b"
)
_CREDENTIALS = re.compile(
    r"(?i)invalid (?:x-)?api[- ]?key|incorrect api key|api key (?:not valid|not found|expired)|not logged in"
    r"|please run /login|unauthenticated|unauthori[sz]ed|authentication[_ ](?:error|failed|required)"
    r"|failed to authenticate|permission[_ ]denied: api|(?:missing|no) (?:api key|credentials)|invalid auth method"
    r"|(?:set|provide|requires?) (?:an? |the )?[A-Z_]*API[_ ]KEY|oauth token (?:has )?expired|you are not authenticated"
)
_LIMITS = re.compile(
    r"(?i)rate[- _]?limit|(?<!disk )quota|resource[_ ]exhausted|overloaded|too many requests|usage limit"
    r"|credit balance is too low"
)
_UNFINISHED = re.compile(r"(?i)loop detected|max(?:imum)?(?: number of)?[- _](?:session[- _])?turns|turn[- _]?limit")


def reason_of(said: str, status: int | None = None) -> Reason:
    """The reason of a failure; a status code decides before words do."""
    code = status if status is not None else _status_in(said)
    if code in CREDENTIAL_STATUSES:
        return Reason.CREDENTIALS_REJECTED
    if code in LIMIT_STATUSES:
        return Reason.RATE_LIMITED
    if code is None and _CREDENTIALS.search(said):
        return Reason.CREDENTIALS_REJECTED
    if _LIMITS.search(said):
        return Reason.RATE_LIMITED
    return Reason.AGENT_ERROR


def is_unfinished(said: str) -> bool:
    """Whether the words tell of a limit or a loop that stopped the agent before it was done."""
    return _UNFINISHED.search(said) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a run however it ended."""

    usage: Usage = field(default_factory=Usage)
    response: str | None = None
    session_id: str | None = None


def succeeded(seen: Seen) -> AgentEnd:
    """A normal end."""
    return _end(None, "", seen)


def failed(agent: str, said: str, seen: Seen, *, status: int | None = None) -> AgentEnd:
    """The run failed and said why."""
    return _failed(agent, reason_of(said, status), inner_message(said), seen)


def broke_down(agent: str, said: str, seen: Seen) -> AgentEnd:
    """The run failed for a reason that has nothing to do with a provider."""
    return _failed(agent, Reason.AGENT_ERROR, said, seen)


def unfinished(agent: str, why: str, seen: Seen) -> AgentEnd:
    """The run stopped before its work was done."""
    return _end(Reason.AGENT_INCOMPLETE, f"{agent} stopped before it was done: {_words(why)}", seen)


def without_an_end(agent: str, exit_code: int | None, stderr: str, seen: Seen) -> AgentEnd:
    """The stream stopped without its closing event: an exit code of 0 proves nothing then."""
    if exit_code in (0, None):
        return unfinished(agent, "its output has no closing event", seen)
    said = last_line(stderr) or "no closing event in its output"
    reason = reason_of(last_lines(stderr, TELLING_LINES))
    words = said if reason is not Reason.AGENT_ERROR else f"exit code {exit_code}, {said}"
    return _failed(agent, reason, words, seen)


def exited_badly(agent: str, exit_code: int, stderr: str, seen: Seen) -> AgentEnd:
    """The stream told of success and the exit code did not."""
    said = last_line(stderr)
    words = f"it reported success but ended with exit code {exit_code}" + (f", {said}" if said else "")
    return _failed(agent, Reason.AGENT_ERROR, words, seen)


def _failed(agent: str, reason: Reason, said: str, seen: Seen) -> AgentEnd:
    words = _words(said) or "it did not say why"
    if reason is Reason.CREDENTIALS_REJECTED:
        sentence = f"{agent}: the provider refused the credentials ({words}); check the Secret of spec.credentials"
    elif reason is Reason.RATE_LIMITED:
        sentence = f"{agent}: the provider's limit is reached ({words}); try again later or raise the limit"
    else:
        sentence = f"{agent} failed: {words}"
    return _end(reason, sentence, seen)


def _end(reason: Reason | None, message: str, seen: Seen) -> AgentEnd:
    return AgentEnd(
        reason=reason, message=message, usage=seen.usage, response=seen.response, session_id=seen.session_id
    )


def _words(said: str) -> str:
    return one_line(said, WORDS_LIMIT).rstrip(". ")


def _status_in(said: str) -> int | None:
    found = _STATUS.search(said)
    return int(found["code"]) if found else None
