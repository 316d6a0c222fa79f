"""Where the step's results go: outputs, summary, files; and what is known of its Tasks so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kelos.action.chain.cleanup import Cleanup
from kelos.action.chain.followed import Followed
from kelos.action.chain.plan import Link
from kelos.action.chain.tally import Told, deciding, discreet, tasks_output, totals
from kelos.action.conclusion import Ending
from kelos.action.log.console import Console
from kelos.action.log.transcript import hand_over
from kelos.action.outputs import EARLY, OUTPUTS, Facts, ending_values, outputs_of, results_of, write_outputs
from kelos.action.summary import summary_of, write_summary
from kelos.api.kinds import Manifest


@dataclass(slots=True, kw_only=True)
class Doors:
    """Open from the first moment, so that every way out of the step writes its outputs."""

    env: Mapping[str, str]
    console: Console
    folder: Path
    server_url: str = "https://github.com"
    summary: str = "metadata"
    is_discreet: bool = False
    forgives: bool = False
    namespace: str = ""
    links: tuple[Link, ...] = ()
    early: dict[str, Told] = field(default_factory=dict)
    tasks: tuple[Followed, ...] = ()
    transcripts: Mapping[str, Path] = field(default_factory=dict)
    cleanup: Cleanup | None = None

    def started(self, key: str, task: Manifest, created: bool) -> None:
        """Write the early outputs, so that a step which is killed still leaves them."""
        told = Told(task=task, values=outputs_of(task, None, self._facts(created=created)).by_name)
        self.early[key] = told
        self._output({name: told.values[name] for name in EARLY} | {"tasks": tasks_output(self.early)})

    def close(self, ending: Ending) -> None:
        """Write every output and the summary; only then may a Task go."""
        told = self._told()
        values = {**dict.fromkeys(OUTPUTS, ""), "namespace": self.namespace, **ending_values(ending)}
        if self.tasks:
            values = {**told[deciding(self.tasks, self.links).key].values, **totals(told), **ending_values(ending)}
            values["tasks"] = tasks_output(told)
        for name, value in values.items():
            if self.console.hides(value):
                self.console.warn(f"The output `{name}` holds a masked value: as an output of the job it will be empty")
        self._output(values)
        if (path := self.env.get("GITHUB_STEP_SUMMARY")) and self.summary != "none":
            text = summary_of(values, told, self.links, is_full=self.summary == "full")
            write_summary(Path(path), text)
        if not self.env.get("GITHUB_OUTPUT"):
            for name, value in values.items():
                self.console.say(f"{name}={value}")
        if self.cleanup is not None:
            self.cleanup.run(self.tasks, ending, self.console)
        self.console.end()

    def _told(self) -> dict[str, Told]:
        """Every Task's outputs in the order of the file, with a warning for each that was refused."""
        told: dict[str, Told] = {}
        by_key = {one.key: one for one in self.tasks}
        for one in (by_key[link.key] for link in self.links if link.key in by_key):
            task = one.task if one.created is not None else {}
            if self.is_discreet:
                task = discreet(task, self.server_url)
            file = None
            if found := results_of(task):
                file = self.folder / ("results.json" if len(by_key) == 1 else f"results-{one.key}.json")
                file.write_text(json.dumps(found, sort_keys=True), encoding="utf-8")
            log_file = one.book.path if one.book.exists else None
            facts = self._facts(
                created=one.created, results_file=file, log_file=log_file, transcript_file=self._transcript(one)
            )
            values = outputs_of(task, one.ending, facts)
            for warning in values.warnings:
                self.console.warn(f"Task '{one.key}': {warning}" if len(by_key) > 1 else warning)
            told[one.key] = Told(task=task, values=values.by_name)
        return told

    def _transcript(self, one: Followed) -> Path | None:
        source, place = one.book.transcript, self.transcripts.get(one.key)
        if source is None or place is None or not source.exists():
            return None
        if problem := hand_over(source, place):
            self.console.warn(problem)
            return None
        return place

    def _facts(self, **known: Any) -> Facts:
        return Facts(namespace=self.namespace, server_url=self.server_url, **known)

    def _output(self, values: Mapping[str, str]) -> None:
        if path := self.env.get("GITHUB_OUTPUT"):
            write_outputs(Path(path), values)
