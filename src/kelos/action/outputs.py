"""The step outputs: taken from the Task, checked because agents wrote some, written so that none can forge another."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from kelos.action.conclusion import Ending, name_of, status_of
from kelos.action.log.text import clean_message
from kelos.api.checks import is_branch_name
from kelos.api.kinds import Manifest

VALUE_LIMIT_BYTES = 64 * 1024
EARLY = ("task-name", "namespace", "task-uid", "created")

Rule = Callable[[str], bool]


_SPLITS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # also what is no character at all


def _is_one_line(value: str) -> bool:
    """Not `isprintable`: people write no-break and ideographic spaces, and characters younger than this Python."""
    return not _SPLITS.search(value) and len(value.encode()) <= 4096


def _is_safe_branch(value: str) -> bool:
    """Git allows `$(id)` as a branch; people's scripts would run it."""
    return is_branch_name(value) and all(letter.isalnum() or letter in "._/+@#=,-" for letter in value)


def _matches(pattern: str) -> Rule:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def _is_ours(value: str) -> bool:
    """Made or checked by us, in ways that one text alone does not show."""
    return True


_is_count = _matches(r"[0-9]{1,18}")
_is_name = _matches(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
OUTPUTS: dict[str, Rule] = {
    "conclusion": _is_one_line,
    "phase": _matches(r"[A-Za-z]{1,32}"),
    "failure-reason": _is_one_line,
    "message": _is_one_line,
    "task-name": _is_name,
    "namespace": _is_name,
    "task-uid": _matches(r"[-A-Za-z0-9]{1,64}"),
    "job-name": _is_name,
    "pod-name": _is_name,
    "created": _is_one_line,
    "branch": _is_safe_branch,
    "commit": _matches(r"[0-9a-f]{40}|[0-9a-f]{64}"),
    "base-branch": _is_safe_branch,
    "pr": _is_ours,
    "pr-number": _is_ours,
    "cost-usd": _matches(r"[0-9]{1,12}(\.[0-9]{1,12})?"),
    "input-tokens": _is_count,
    "output-tokens": _is_count,
    "cache-read-tokens": _is_count,
    "cache-write-tokens": _is_count,
    "model": _matches(r"[-A-Za-z0-9._:/@\[\]]{1,200}"),
    "duration-seconds": _is_count,
    "queue-seconds": _is_count,
    "attempt": _is_count,
    "results": _is_ours,
    "results-file": _is_one_line,
    "log-file": _is_one_line,
    "transcript-file": _is_one_line,
    "session-id": _matches(r"[-A-Za-z0-9._]{1,128}"),
    "tasks": _is_ours,
}
_USAGE_FIELDS = {
    "cost-usd": "cost",
    "input-tokens": "inputTokens",
    "output-tokens": "outputTokens",
    "cache-read-tokens": "cacheReadTokens",
    "cache-write-tokens": "cacheWriteTokens",
    "model": "model",
}
FROM_RESULTS = ("branch", "commit", "base-branch", "pr", "session-id", *_USAGE_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the step knows beside the Task."""

    namespace: str = ""
    created: bool | None = None
    server_url: str = "https://github.com"
    results_file: Path | None = None
    log_file: Path | None = None
    transcript_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The outputs, every one of them, and a warning for each that was refused."""

    by_name: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def outputs_of(task: Manifest, ending: Ending | None, facts: Facts) -> Values:
    """Every output, empty when unknown; what does not look as it must is left empty and warned about."""
    found = {**_of_the_task(task), **_of_the_run(task, facts)}
    if ending is not None:
        found |= ending_values(ending)
    values, warnings = dict.fromkeys(OUTPUTS, ""), []
    for name in OUTPUTS:
        value = found.get(name) or ""
        if value and not OUTPUTS[name](value):
            warnings.append(f"The output `{name}` is left empty: the agent gave a value that is not safe to pass on")
            continue
        values[name] = value
    if found.get("pr") and not _is_pull_request(found["pr"], facts.server_url):
        values["pr"] = values["pr-number"] = ""
        warnings.append(f"The outputs `pr` and `pr-number` are left empty: it is no pull request of {facts.server_url}")
    return Values(by_name=values, warnings=tuple(warnings))


def ending_values(ending: Ending) -> dict[str, str]:
    """The three outputs that say how it ended."""
    return {
        "conclusion": ending.conclusion.value,
        "failure-reason": ending.reason,
        "message": clean_message(ending.message),
    }


def results_of(task: Manifest) -> dict[str, str]:
    """The Task's results by key."""
    results = status_of(task).get("results")
    return {str(key): str(value) for key, value in results.items()} if isinstance(results, dict) else {}


def typed_results(task: Manifest, server_url: str) -> dict[str, str]:
    """Those that have an output of their own, and look as that must."""
    found = {key: value for key, value in results_of(task).items() if key in FROM_RESULTS and OUTPUTS[key](value)}
    if not _is_pull_request(found.get("pr", ""), server_url):
        found.pop("pr", None)
    return found


def write_outputs(path: Path, values: Mapping[str, str]) -> None:
    """Append to the runner's output file, each value between delimiters that nobody can guess."""
    text = "".join(_entry(name, value) for name, value in values.items())
    with path.open("ab", buffering=0) as file:
        file.write(text.encode())  # at once: half an entry would cost a killed step all of its outputs


def _entry(name: str, value: str) -> str:
    delimiter = f"kelos_{secrets.token_hex(16)}"
    if delimiter in value:
        raise ValueError("A delimiter was guessed")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _of_the_task(task: Manifest) -> dict[str, str]:
    status, results = status_of(task), results_of(task)
    usage = status.get("usage") if isinstance(status.get("usage"), dict) else {}
    numbers = {key: (usage or {}).get(field) for key, field in _USAGE_FIELDS.items()}
    found = {key: str(number) for key, number in numbers.items() if number is not None}
    for key in FROM_RESULTS:
        found.setdefault(key, results.get(key, ""))
    return {
        **found,
        "cost-usd": _short_decimal(found["cost-usd"]),
        "phase": str(status.get("phase") or ""),
        "job-name": str(status.get("jobName") or ""),
        "pod-name": str(status.get("podName") or ""),
        "attempt": str(len(attempts)) if isinstance(attempts := status.get("attempts"), list) and attempts else "",
        "pr-number": urlsplit(found["pr"]).path.rpartition("/")[2] if found["pr"] else "",
        "results": _json_within_limit(results),
    }


def _of_the_run(task: Manifest, facts: Facts) -> dict[str, str]:
    metadata, status = task.get("metadata") or {}, status_of(task)
    started, ended = _moment(status.get("startTime")), _moment(status.get("completionTime"))
    created = _moment(metadata.get("creationTimestamp"))
    return {
        "task-name": name_of(task),
        "namespace": facts.namespace,
        "task-uid": str(metadata.get("uid") or ""),
        "created": "" if facts.created is None else str(facts.created).lower(),
        "duration-seconds": _seconds(started, ended),
        "queue-seconds": _seconds(created, started),
        "results-file": str(facts.results_file or ""),
        "log-file": str(facts.log_file or ""),
        "transcript-file": str(facts.transcript_file or ""),
    }


def _short_decimal(text: str) -> str:
    """To a millionth: agents add up floats and say 0.021539999999999997. What is no such number is left as it is."""
    if re.fullmatch(r"[0-9]{1,12}\.[0-9]{7,60}", text, re.ASCII) is None:
        return text
    return f"{Decimal(text):.6f}".rstrip("0").rstrip(".")


def _json_within_limit(results: Mapping[str, str]) -> str:
    """The results as JSON; past the limit without the response, then nothing: `results-file` has them all."""
    shorter = {key: value for key, value in results.items() if key != "response"}
    for candidate in (results, shorter):
        text = json.dumps(candidate, sort_keys=True)
        if len(text) <= VALUE_LIMIT_BYTES:
            return text if candidate else ""
    return ""


def _moment(text: object) -> datetime | None:
    try:
        plain = re.sub(r"\.\d+", "", str(text or "")).replace("Z", "+00:00")  # Python 3.10 reads no nanoseconds
        return datetime.fromisoformat(plain) if plain else None
    except ValueError:
        return None


def _seconds(begin: datetime | None, end: datetime | None) -> str:
    return str(max(0, round((end - begin).total_seconds()))) if begin and end else ""


def _is_pull_request(url: str, server_url: str) -> bool:
    host = (urlsplit(server_url).netloc or "github.com").lower()
    return re.fullmatch(rf"https://{re.escape(host)}/[\w.-]+/[\w.-]+/pull/[1-9][0-9]{{0,9}}", url, re.ASCII) is not None
