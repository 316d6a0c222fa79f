"""The outcome document: JSON of at most 4096 bytes, which is what Kubernetes keeps of a termination message.

A pod may have 12 KiB of them, shared out evenly: with many containers there is less room for each.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from kelos.api.names import TERMINATION_LIMIT_BYTES
from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.api.reasons import Reason
from kelos.outputs import response, values
from kelos.outputs.markers import lines_of, one_line

LIMIT_BYTES = TERMINATION_LIMIT_BYTES
TEXT_LIMIT_BYTES = 1000
NAME_LIMIT_BYTES = 260
WORD_LIMIT_BYTES = 130
VERSION = 1
RESPONSE = ',"response":"'
"""How the last member begins; inside of any other there is a backslash before each quote."""
CUT_BYTES = len(b',"response":"","isCut":true,"sha256":""') + 64
"""What it takes to say that the response is not all there."""


DISPENSABLE = ("session", "usage", "git")
"""What goes, in this order, when the rest would not fit; the log has it too."""


def encode_document(outcome: Outcome, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """The document. The response is cut to what room is left; the hash of the log's copy tells it from a forgery."""
    body = _without_response(outcome, limit_bytes)
    if not outcome.response:
        return _bytes(body)
    in_log = response.capped(outcome.response)
    whole = {**body, "response": in_log}
    if in_log == outcome.response and not outcome.response_is_cut and len(_bytes(whole)) <= limit_bytes:
        return _bytes(whole)
    # The response comes last: what a node cuts off is the end.
    body |= {"isCut": True, "sha256": outcome.response_sha256 or response.fingerprint(in_log), "response": ""}
    room = limit_bytes - len(_bytes(body))
    return _bytes({**body, "response": _fitting(in_log, room)})


def decode_document(text: str) -> Outcome | None:
    """The outcome, or None when the text is no document of ours. Values that are not what they say are dropped."""
    found = _parsed(text) if text.lstrip().startswith("{") else None
    if not isinstance(found, dict) or found.get("kelos") != VERSION:
        return None
    said = found.get("response")
    is_cut = found.get("isCut") is True
    digest = found.get("sha256")
    outcome = Outcome(
        reason=_reason(found.get("reason")),
        message=one_line(_text(found.get("message"))),
        exit_code=_exit_code(found.get("exitCode")),
        git=_git(found.get("git")),
        usage=_usage(found.get("usage")),
        response=_text(said) or None,
        response_is_cut=is_cut,
        response_sha256=digest if is_cut and isinstance(digest, str) else None,
        session_id=values.word(found.get("session")),
    )
    return replace(outcome, lines=lines_of(outcome))


def _parsed(text: str) -> object:
    """The document, without its response when the node cut that: containers that others put into the pod take room."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        head, is_there, _ = text.partition(RESPONSE)
    try:
        found = json.loads(head + "}") if is_there else None
    except (ValueError, RecursionError):
        return None
    return {**found, "isCut": True} if isinstance(found, dict) else None


def _without_response(outcome: Outcome, limit_bytes: int) -> dict[str, Any]:
    body = _members(outcome, min(TEXT_LIMIT_BYTES, limit_bytes // 4))
    for name in DISPENSABLE:
        if len(_bytes(body)) + CUT_BYTES <= limit_bytes:
            break
        body.pop(name, None)
    return body


def _members(outcome: Outcome, text_bytes: int) -> dict[str, Any]:
    git, usage = outcome.git, outcome.usage
    body: dict[str, Any] = {
        "kelos": VERSION,
        "reason": outcome.reason.value if outcome.reason is not None else None,
        "message": _fitting(outcome.message, text_bytes),
        "exitCode": outcome.exit_code,
        "git": _present(
            branch=_whole_or_nothing(git.branch, NAME_LIMIT_BYTES),
            commit=values.commit(git.commit),
            base=_whole_or_nothing(git.base_branch, NAME_LIMIT_BYTES),
            baseCommit=values.commit(git.base_commit),
            pushed=git.pushed,
            prs=_first_fitting(git.pull_requests, text_bytes),
        ),
        "usage": _present(
            input=values.count(usage.input_tokens),
            cacheRead=values.count(usage.cache_read_tokens),
            cacheWrite=values.count(usage.cache_write_tokens),
            output=values.count(usage.output_tokens),
            reasoning=values.count(usage.reasoning_tokens),
            cost=values.cost(usage.cost_usd),
            model=_whole_or_nothing(values.word(usage.model), WORD_LIMIT_BYTES),
        ),
        "session": _whole_or_nothing(values.word(outcome.session_id), WORD_LIMIT_BYTES),
    }
    return _present(**body)


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None and value not in ("", {}, [])}


def _fitting(text: str, limit_bytes: int) -> str:
    """The longest beginning whose JSON form has at most so many bytes; `…` at its end when something is missing."""
    if _inner_size(text) <= limit_bytes:
        return text
    low, high = 0, min(len(text), max(limit_bytes, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if _inner_size(text[:middle] + "…") <= limit_bytes:
            low = middle
        else:
            high = middle - 1
    return text[:low] + "…" if low else ""


def _inner_size(text: str) -> int:
    return len(_bytes(text)) - 2


def _whole_or_nothing(text: str | None, limit_bytes: int) -> str | None:
    return text if text is not None and _inner_size(text) <= limit_bytes else None


def _first_fitting(urls: tuple[str, ...], limit_bytes: int) -> list[str]:
    kept: list[str] = []
    for url in urls:
        if len(_bytes([*kept, url])) > limit_bytes:
            break
        kept.append(url)
    return kept


def _bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _git(found: object) -> GitFacts:
    member = found if isinstance(found, dict) else {}
    urls = member.get("prs")
    checked = (values.pull_request(url) for url in (urls if isinstance(urls, list) else ()))
    return GitFacts(
        branch=values.branch(member.get("branch")),
        commit=values.commit(member.get("commit")),
        base_branch=values.branch(member.get("base")),
        base_commit=values.commit(member.get("baseCommit")),
        pushed=member["pushed"] if isinstance(member.get("pushed"), bool) else None,
        pull_requests=tuple(url for url in checked if url),
    )


def _usage(found: object) -> Usage:
    member = found if isinstance(found, dict) else {}
    return Usage(
        input_tokens=values.count(member.get("input")),
        cache_read_tokens=values.count(member.get("cacheRead")),
        cache_write_tokens=values.count(member.get("cacheWrite")),
        output_tokens=values.count(member.get("output")),
        reasoning_tokens=values.count(member.get("reasoning")),
        cost_usd=values.cost(member.get("cost")),
        model=values.word(member.get("model")),
    )


def _reason(value: object) -> Reason | None:
    if value is None:
        return None
    try:
        return Reason(value)
    except ValueError:
        return Reason.AGENT_ERROR  # a word of another version, but certainly no success


def _exit_code(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255 else None


def _text(value: object) -> str:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
