"""The step summary: a table of typed values, never a word that the agent wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

LIMIT_BYTES = 900 * 1024  # the runner drops a summary past 1 MiB whole
ROWS = (
    ("Conclusion", "conclusion"),
    ("Reason", "failure-reason"),
    ("Task", "task-name"),
    ("Namespace", "namespace"),
    ("Branch", "branch"),
    ("Commit", "commit"),
    ("Pull request", "pr"),
    ("Model", "model"),
    ("Cost (USD)", "cost-usd"),
    ("Input tokens", "input-tokens"),
    ("Output tokens", "output-tokens"),
    ("Duration (s)", "duration-seconds"),
    ("Queued (s)", "queue-seconds"),
)


def summary_of(values: Mapping[str, str]) -> str:
    """Markdown with one row per value that is known."""
    rows = [(title, name, values.get(name, "")) for title, name in ROWS]
    lines = [f"| {title} | {_cell(name, value)} |" for title, name, value in rows if value]
    return "\n".join(["### Kelos Task", "", "| | |", "| --- | --- |", *lines, "", ""])


def write_summary(path: Path, text: str) -> None:
    """Append to the runner's summary file, unless that would make the runner drop all of it."""
    held = path.stat().st_size if path.exists() else 0
    if held + len(text.encode()) <= LIMIT_BYTES:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _cell(name: str, value: str) -> str:
    """The validated link as it is; everything else as code, which renders neither links nor images."""
    if name == "pr":
        return f"<{value}>"
    return "`" + value.replace("`", "'").replace("|", "\\|") + "`"
