"""The step summary: tables of typed values and the graph of the Tasks; words of the agent only when asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kelos.action.chain.plan import Link
from kelos.action.chain.tally import Told
from kelos.action.log.text import clean_lines
from kelos.action.outputs import results_of
from kelos.outputs.response import decoded

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
COLUMNS = ("conclusion", "failure-reason", "branch", "commit", "pr", "cost-usd", "duration-seconds")
TITLES = {name: title for title, name in ROWS}
CLASSES = {"success": "good", "failure": "bad", "timed-out": "bad", "cancelled": "bad"}
COLOURS = ("classDef good stroke:#1a7f37,stroke-width:2px", "classDef bad stroke:#cf222e,stroke-width:2px")


def summary_of(
    values: Mapping[str, str], told: Mapping[str, Told], links: tuple[Link, ...], *, is_full: bool = False
) -> str:
    """GitHub's Markdown. `values` are the step's outputs, `told` those of every Task by key."""
    is_chain = len(told) > 1
    blocks = [_chain(values, told, links) if is_chain else _single(values)]
    if is_full:
        blocks += [_answer(one, f" of {key}" if is_chain else "") for key, one in told.items()]
    return "\n\n".join(block for block in blocks if block) + "\n\n"


def write_summary(path: Path, text: str) -> None:
    """Append to the runner's summary file, unless that would make the runner drop all of it."""
    held = path.stat().st_size if path.exists() else 0
    if held + len(text.encode()) <= LIMIT_BYTES:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


def graph_of(told: Mapping[str, Told], links: tuple[Link, ...]) -> str:
    """A Mermaid flowchart: one box for each Task with its conclusion, one arrow for each dependency."""
    number = {link.key: f"t{count}" for count, link in enumerate(links, start=1)}
    lines = ["flowchart LR"]
    for link in links:
        conclusion = told[link.key].values["conclusion"] if link.key in told else ""
        styled = f":::{CLASSES[conclusion]}" if conclusion in CLASSES else ""
        lines.append(f'  {number[link.key]}["{link.key}<br>{conclusion or "not run"}"]{styled}')
    lines += [f"  {number[need]} --> {number[link.key]}" for link in links for need in link.needs]
    return "\n".join(["```mermaid", *lines, *(f"  {colour}" for colour in COLOURS), "```"])


def _single(values: Mapping[str, str]) -> str:
    first, *rows = [f"| {title} | {_cell(name, values)} |" for title, name in ROWS if values.get(name)] or ["| | |"]
    return "\n".join(["### Kelos Task", "", first, "| --- | --- |", *rows])


def _chain(values: Mapping[str, str], told: Mapping[str, Told], links: tuple[Link, ...]) -> str:
    columns = [name for name in COLUMNS if any(one.values[name] for one in told.values())]
    head = ["Task", *(TITLES[name] for name in columns)]
    rows = [head, ["---"] * len(head)]
    rows += [[f"`{key}`", *(_short_cell(name, one.values) for name in columns)] for key, one in told.items()]
    rows.append(["Together", *(_cell(name, values) if name in ("conclusion", "cost-usd") else "" for name in columns)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    graph = graph_of(told, links) if any(link.needs for link in links) else ""
    return "\n\n".join(part for part in (f"### Kelos: {len(told)} Tasks", graph, table) if part)


def _cell(name: str, values: Mapping[str, str]) -> str:
    """Validated links as links; everything else as code, which renders neither links nor images."""
    value = values.get(name, "")
    if not value:
        return ""
    if name == "pr":
        return f"<{value}>"
    code = "`" + value.replace("`", "'").replace("|", "\\|") + "`"
    return f"[{code}]({_commit_url(values)})" if name == "commit" and values.get("pr") else code


def _short_cell(name: str, values: Mapping[str, str]) -> str:
    """The same for one of many columns."""
    if name == "pr" and values["pr"]:
        return f"[#{values['pr-number']}]({values['pr']})"
    if name == "commit" and values["commit"]:
        code = f"`{values['commit'][:10]}`"
        return f"[{code}]({_commit_url(values)})" if values["pr"] else code
    return _cell(name, values)


def _commit_url(values: Mapping[str, str]) -> str:
    """The pull request was checked to be one of this server, and so says where the commit can be read."""
    return f"{values['pr'].rpartition('/pull/')[0]}/commit/{values['commit']}"


def _answer(one: Told, of_task: str) -> str:
    raw = results_of(one.task).get("response", "")
    words = "\n".join(clean_lines(decoded(raw) or raw)).strip()
    if not words:
        return ""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", words)), default=0))
    return (
        f"<details><summary>Answer{of_task.replace('`', '')}</summary>\n\n{fence}text\n{words}\n{fence}\n\n</details>"
    )
