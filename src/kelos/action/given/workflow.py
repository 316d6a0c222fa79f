"""Which workflow run the step belongs to: facts that the runner gives in variables of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """The run that the step belongs to; everything is empty outside a runner. `subject` is what its event is about.

    `leg` is the same in every attempt of the run. `check_run` is of one attempt, and tells apart what `leg` cannot: two
    calls of one reusable workflow.
    """

    repository: str = ""
    run_id: str = ""
    attempt: str = "1"
    job: str = ""
    leg: str = ""
    check_run: str = ""
    name: str = ""
    actor: str = ""
    event: str = ""
    sha: str = ""
    action_ref: str = ""
    subject: str = ""
    server_url: str = "https://github.com"
    folder: Path = Path()
    is_actions: bool = False

    @property
    def url(self) -> str:
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}" if self.repository else ""

    @property
    def place(self) -> str:
        """No other step of the attempt has it."""
        return f"{self.leg}/{self.check_run}" if self.check_run else self.leg

    def triggered_by(self) -> str:
        """The annotation that says who asked; two submissions are the same exactly when it is equal."""
        facts = {
            "kind": "github-actions",
            "repository": self.repository,
            "run": self.run_id,
            "attempt": self.attempt,
            "job": self.job,
            "leg": self.place,
            "workflow": self.name,
            "actor": self.actor,
            "event": self.event,
            "sha": self.sha,
            "action": self.action_ref,
            "url": self.url,
        }
        return json.dumps({key: value for key, value in facts.items() if value}, separators=(",", ":"))


def read_workflow(env: Mapping[str, str], *, run_id: str, suffix: str = "") -> Workflow:
    """The facts of the run from the runner's variables; `run_id` stands in where there is no runner.

    `suffix` is what the user tells the uses of the Action apart by.
    """
    leg = (env.get("GITHUB_JOB"), env.get("KELOS_MATRIX"))
    use = (env.get("GITHUB_ACTION"), env.get("KELOS_USE"), *([suffix] if suffix else []))
    return Workflow(
        repository=env.get("GITHUB_REPOSITORY", ""),
        run_id=env.get("GITHUB_RUN_ID") or run_id,
        attempt=env.get("GITHUB_RUN_ATTEMPT") or "1",
        job=env.get("GITHUB_JOB", ""),
        leg="/".join(part or "" for part in (*leg, *use)),
        check_run=env.get("KELOS_CHECK_RUN_ID", ""),
        name=env.get("GITHUB_WORKFLOW", ""),
        actor=env.get("GITHUB_TRIGGERING_ACTOR") or env.get("GITHUB_ACTOR", ""),
        event=env.get("GITHUB_EVENT_NAME", ""),
        sha=env.get("GITHUB_SHA", ""),
        action_ref=env.get("KELOS_ACTION_REF", ""),
        server_url=env.get("GITHUB_SERVER_URL") or "https://github.com",
        folder=Path(env.get("GITHUB_WORKSPACE") or "."),
        is_actions=env.get("GITHUB_ACTIONS") == "true",
    )
