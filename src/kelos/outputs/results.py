"""Output lines as a map."""

from __future__ import annotations

from collections.abc import Iterable


def results_of(lines: Iterable[str]) -> dict[str, str]:
    """`key: value` split at the first `: `; a later duplicate wins, a line without a key says nothing here."""
    results: dict[str, str] = {}
    for line in lines:
        key, separator, value = line.partition(": ")
        if separator and key:
            results[key] = value
    return results
