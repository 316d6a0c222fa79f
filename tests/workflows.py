"""Workflow files as the tests read them: jobs in order, steps, and the expressions our examples use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "workflows-examples").glob("*.yaml"))
ACTION = "kelos-dev/kelos-action"

Node = dict[str, Any]


def load(path: Path) -> Node:
    """The workflow; YAML 1.1 reads its key `on` as true."""
    document = yaml.safe_load(path.read_text())
    document["on"] = document.pop(True)
    return document


def triggers(workflow: Node) -> dict[str, Node]:
    on = workflow["on"]
    return {name: on[name] or {} for name in on}


def is_ours(step: Node) -> bool:
    return str(step.get("uses", "")).startswith(f"{ACTION}@")


def in_order(jobs: Mapping[str, Node]) -> list[str]:
    """Every job after those it needs."""
    done: list[str] = []
    while len(done) < len(jobs):
        done.append(next(name for name in jobs if name not in done and set(_needs(jobs[name])) <= set(done)))
    return done


def legs(job: Node) -> list[Node]:
    """The combinations of a matrix; an `include` adds to the combinations it agrees with."""
    matrix = dict((job.get("strategy") or {}).get("matrix") or {})
    include = matrix.pop("include", [])
    found: list[Node] = [{}]
    for name, values in matrix.items():
        found = [{**leg, name: value} for leg in found for value in values]
    for extra in include:
        for leg in found:
            if all(leg.get(name, value) == value for name, value in extra.items() if name in matrix):
                leg.update(extra)
    return found


def evaluate(text: object, context: Mapping[str, Any]) -> str:
    """The text with its expressions filled in; only paths such as `steps.a.outputs.b` are known. Missing is empty."""

    def answer(match: re.Match[str]) -> str:
        path = match[1].strip()
        assert re.fullmatch(r"[\w.-]+", path), f"The tests do not know the expression {path}"
        return look_up(path, context)

    return re.sub(r"\$\{\{(.*?)\}\}", answer, str(text))


def holds(condition: str, context: Mapping[str, Any], *, has_failed: bool) -> bool:
    """Whether a step or job with this `if` runs."""
    parts = [part.strip() for part in condition.split("&&")] if condition else []
    if has_failed and "always()" not in parts:
        return False
    return all(_holds(part, context) for part in parts if part != "always()")


def look_up(path: str, context: Mapping[str, Any]) -> str:
    found: Any = context
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return "" if found is None else str(found)


def expressions(node: object) -> Iterator[str]:
    """Every expression of a file, those of conditions among them."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "if":
                yield str(value)
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)
    elif isinstance(node, str):
        yield from re.findall(r"\$\{\{(.*?)\}\}", node)


def _holds(part: str, context: Mapping[str, Any]) -> bool:
    if match := re.fullmatch(r"startsWith\(([\w.-]+), '([^']*)'\)", part):
        return look_up(match[1], context).startswith(match[2])
    match = re.fullmatch(r"([\w.-]+) (==|!=) '([^']*)'", part)
    assert match, f"The tests do not know the condition {part}"
    return (look_up(match[1], context) == match[3]) == (match[2] == "==")


def _needs(job: Node) -> list[str]:
    needs = job.get("needs") or []
    return [needs] if isinstance(needs, str) else list(needs)
