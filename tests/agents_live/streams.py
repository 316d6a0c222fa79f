"""What a stream has that we do not know, and lacks that we read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from kelos.agents import json_lines as jl

KNOWN: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("streams.json").read_text())


def differences(agent: str, events: Iterable[Mapping[str, object]]) -> list[str]:
    """One sentence for every unknown kind of event and for every missing field, each once."""
    known, found = KNOWN[agent], {}
    for event in events:
        kind = _kind(event, known)
        if kind not in known:
            found[f"{agent}: unknown event '{kind}' with {', '.join(sorted(event))}"] = True
            continue
        for field in known[kind]:
            if jl.dig(event, *field.split(".")) is None:
                found[f"{agent}: event '{kind}' has no '{field}'"] = True
    return sorted(found)


def never_seen(agent: str, events: Iterable[Mapping[str, object]], kinds: Iterable[str]) -> list[str]:
    """One sentence for every kind of event that should be there and is not."""
    seen = {_kind(event, KNOWN[agent]) for event in events}
    return [f"{agent}: no event '{kind}'" for kind in kinds if kind not in seen]


def _kind(event: Mapping[str, object], known: Mapping[str, object]) -> str:
    kind, subtype = str(event.get("type")), event.get("subtype")
    return kind if kind in known or subtype is None else f"{kind}/{subtype}"
