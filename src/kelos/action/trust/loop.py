"""Agents that set each other off: how many runs an hour have brought one to the same pull request, issue or branch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kelos.action.api.client import Api
from kelos.action.api.patience import Patience
from kelos.action.given.workflow import Workflow
from kelos.action.submit import run_labels
from kelos.action.trust.rules import Untrusted
from kelos.api.checks import excerpt
from kelos.api.kinds import TASK, Manifest
from kelos.api.names import LABEL_RUN_ID, LABEL_SUBJECT

WINDOW = timedelta(hours=1)


def find_loop(
    api: Api, namespace: str, workflow: Workflow, *, limit: int, now: datetime, patience: Patience
) -> Untrusted | None:
    """Why the agent may not run once more; None when it may, or when the event is about nothing that could loop."""
    labels = run_labels(workflow)
    if not limit or LABEL_SUBJECT not in labels:
        return None
    query = {"labelSelector": f"{LABEL_SUBJECT}={labels[LABEL_SUBJECT]}"}
    page = patience.insist(lambda: api.list(TASK, namespace, query))
    return judge_loop(page.get("items") or (), workflow, limit=limit, now=now)


def judge_loop(tasks: Iterable[Manifest], workflow: Workflow, *, limit: int, now: datetime) -> Untrusted | None:
    """Runs are counted and not Tasks: one run may have a matrix, a chain and several attempts."""
    own = run_labels(workflow)[LABEL_RUN_ID]
    metadata = [task.get("metadata") or {} for task in tasks]
    runs = {(one.get("labels") or {}).get(LABEL_RUN_ID) for one in metadata if _age(one, now) < WINDOW} - {own, None}
    if len(runs) < limit:
        return None
    subject = excerpt(workflow.subject)
    return Untrusted(
        why=f"{len(runs)} other runs have brought an agent to {subject} within an hour, and `loop-limit` is {limit}: "
        "see whether agents set each other off there, else raise it"
    )


def _age(metadata: Manifest, now: datetime) -> timedelta:
    try:
        return now - datetime.fromisoformat(str(metadata.get("creationTimestamp")).replace("Z", "+00:00"))
    except (ValueError, TypeError):
        return WINDOW
