"""The marker block in the agent's log: the reference's form, written last by us, read line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kelos.api.names import MARKER_END, MARKER_START
from kelos.api.outcome import RESPONSE_LIMIT_BYTES, GitFacts, Outcome
from kelos.outputs import response, values
from kelos.outputs.results import results_of

LINES_LIMIT = 200
LINE_LIMIT = 4096
STORED_LIMIT_BYTES = 128 * 1024
"""What all lines but the response may cost in a status, which holds them twice and must stay below 1.5 MiB."""
RESPONSE_LINE_LIMIT = RESPONSE_LIMIT_BYTES * 4 // 3 + 100

RESPONSE = "response: "
BEGINNING_LOST = "Its outputs are missing: the block that it printed begins before the part of the log that is read"

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def lines_of(outcome: Outcome) -> tuple[str, ...]:
    """The output lines of an outcome, the reference's keys first and in its order."""
    return tuple(f"{key}: {one_line(value)}" for key, value in _pairs(outcome))


def one_line(text: str) -> str:
    """The text without line ends and control characters, which could move a terminal's cursor."""
    return _CONTROL.sub(" ", text)


def _pairs(outcome: Outcome) -> Iterator[tuple[str, str]]:
    git, usage = outcome.git, outcome.usage
    if git.branch:
        yield "branch", git.branch
    for url in git.pull_requests:
        yield "pr", url
    numbers = (
        ("commit", git.commit),
        ("base-branch", git.base_branch),
        ("cost-usd", usage.cost_usd),
        ("input-tokens", usage.input_tokens),
        ("output-tokens", usage.output_tokens),
        ("cache-read-tokens", usage.cache_read_tokens),
        ("cache-write-tokens", usage.cache_write_tokens),
        ("model", usage.model),
        ("pushed", None if git.pushed is None else str(git.pushed).lower()),
        ("base-commit", git.base_commit),
        ("session-id", outcome.session_id),
    )
    for key, value in numbers:
        if value is not None and value != "":
            yield key, str(value)
    if outcome.response:
        kept = response.capped(outcome.response)
        if outcome.response_is_cut or kept != outcome.response:
            yield "response-bytes", f">{response.size(kept)}"
        yield "response", response.encoded(kept)


def marker_block(outcome: Outcome) -> str:
    """The block to print, or "" when there is nothing to tell."""
    lines = lines_of(outcome)
    return "\n".join((MARKER_START, *lines, MARKER_END, "")) if lines else ""


def parse_markers(log: str) -> tuple[str, ...]:
    """The lines of the last whole block. A marker counts only when it has its line to itself."""
    return _kept(_block(_lines(log)) or ())


def read_log(log: str) -> Outcome | None:
    """What a log tells, for images without our runner. It cannot tell why a run failed: the exit code must.

    Outputs that could not be read or kept are told by the outcome's message.
    """
    printed = _lines(log)
    block = _block(printed)
    if block is None:
        return Outcome(message=BEGINNING_LOST) if MARKER_END in printed else None
    lines = _kept(block)
    if not lines:
        return None
    results = results_of(lines)
    said = response.decoded(results.get("response", ""))
    kept = response.capped(said) if said else None
    is_cut = kept is not None and ("response-bytes" in results or kept != said)
    prs = (values.pull_request(line[len("pr: ") :]) for line in lines if line.startswith("pr: "))
    return Outcome(
        git=GitFacts(
            branch=values.branch(results.get("branch")),
            commit=values.commit(results.get("commit")),
            base_branch=values.branch(results.get("base-branch")),
            base_commit=values.commit(results.get("base-commit")),
            pushed=values.truth(results.get("pushed")),
            pull_requests=tuple(dict.fromkeys(url for url in prs if url)),
        ),
        usage=values.usage_of(results),
        response=kept,
        response_is_cut=is_cut,
        session_id=values.word(results.get("session-id")),
        lines=lines,
        message="" if len(lines) == len(block) else f"Only {len(lines)} of its {len(block)} output lines could be kept",
    )


def _lines(log: str) -> list[str]:
    return [line.strip() for line in log.split("\n")]


def _block(lines: list[str]) -> tuple[str, ...] | None:
    """The lines of the last whole block that are not empty; None when there is no such block."""
    end = _last(lines, MARKER_END, len(lines))
    start = -1 if end < 0 else _last(lines, MARKER_START, end)
    if start < 0:
        return None
    found = (_CONTROL.sub("", line).strip() for line in lines[start + 1 : end])
    return tuple(line for line in found if line)


def _kept(block: Iterable[str]) -> tuple[str, ...]:
    return tuple(_storable(_limited(line) for line in block))[:LINES_LIMIT]


def _storable(lines: Iterable[str]) -> Iterator[str]:
    """Lines from the first on, without those for which no room is left: a status over the limit is never written."""
    room = STORED_LIMIT_BYTES
    for line in lines:
        cost = 0 if line.startswith(RESPONSE) else values.stored_size(line)
        if cost <= room:
            room -= cost
            yield line


def _last(lines: list[str], marker: str, before: int) -> int:
    return next((i for i in range(before - 1, -1, -1) if lines[i] == marker), -1)


def _limited(line: str) -> str:
    return line[: RESPONSE_LINE_LIMIT if line.startswith(RESPONSE) else LINE_LIMIT]
