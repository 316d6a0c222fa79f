"""Tables, YAML and JSON on stdout; everything else a command says goes to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import click

from kelos.api.kinds import Manifest

FORMATS = ("json", "yaml", "name")
WIDE = "wide"

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice((*FORMATS, WIDE)),
    help="Print the whole resource in this format instead of a table; wide is a table with more columns.",
)


def to_yaml(document: object) -> str:
    import yaml

    text: str = yaml.dump(
        document,
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
    )
    return text


def to_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def rendered(manifests: Sequence[Manifest], form: str, *, is_list: bool, kind: str, api_version: str) -> str:
    """Manifests as a contract: one object, or a `<Kind>List`."""
    if form == "name":
        return "".join(f"{kind.lower()}/{m['metadata']['name']}\n" for m in manifests)
    document: object = (
        manifests[0]
        if not is_list
        else {
            "apiVersion": api_version,
            "kind": f"{kind}List",
            "items": list(manifests),
        }
    )
    return to_json(document) if form == "json" else to_yaml(document)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned columns with three spaces between them; `-` where nothing is known."""
    lines = [list(header), *([cell(c) for c in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "".join("   ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines)


def cell(text: object) -> str:
    """One line of printable text: nothing in a cluster may move the cursor of a terminal."""
    shown = "".join(c if c.isprintable() else " " for c in str(text if text is not None else ""))
    return shown or "-"


def short_duration(span: timedelta) -> str:
    """Kubernetes' short form: `90s`, `5m30s`, `2h`, `3d4h`."""
    seconds = max(0, int(span.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{seconds % 60}s" if seconds % 60 else "")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    if days < 730:
        return f"{days}d"
    if days < 8 * 365:
        return f"{days // 365}y" + (f"{days % 365}d" if days % 365 else "")
    return f"{days // 365}y"


def moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def age(manifest: Manifest, now: datetime) -> str:
    created = moment(manifest["metadata"].get("creationTimestamp"))
    return short_duration(now - created) if created is not None else "-"


def task_duration(task: Manifest, now: datetime) -> str:
    """From start to end, or to now while it runs."""
    status = task.get("status") or {}
    started = moment(status.get("startTime"))
    if started is None:
        return "-"
    return short_duration((moment(status.get("completionTime")) or now) - started)
