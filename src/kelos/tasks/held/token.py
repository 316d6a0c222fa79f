"""The installation token of a Task whose Workspace has a GitHub App: when to mint one, and what a failure means.

start ──▶ no fresh token: Mint, look again ──▶ fresh: the Job ──▶ running: Mint before it expires, and again
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from kelos.api import names
from kelos.api.conditions import timestamp
from kelos.api.kinds import SECRET, Manifest
from kelos.api.reasons import Reason
from kelos.api.repository import parse_repository
from kelos.errors import TokenUnavailable
from kelos.plan import EventType, Mint, Plan
from kelos.pods.job import owner_of
from kelos.tasks.blockers import Blocker
from kelos.tasks.finish import tell
from kelos.tasks.needs import is_app
from kelos.tasks.view import TaskView

RENEW_BEFORE_SECONDS = 600.0
"""So long before its end a token is replaced: the kubelet takes up to two minutes to show the new one, and GitHub may
be away for a while."""
SPREAD_SECONDS = 120.0
"""Tasks that started together renew up to this much earlier, each at a moment of its own."""
SHORTEST_USE_SECONDS = 60.0
"""A token that was minted less than this ago is used whatever the clocks say: no pass after pass of minting."""
SEEN_SECONDS = 1.0


def secret_name(task_name: str) -> str:
    return names.shorten(f"{task_name}-github-token", 253)


def token_secret(view: TaskView) -> str:
    """The name of the Task's own token Secret when its Workspace has a GitHub App; else empty."""
    return secret_name(view.task.meta.name) if app_secret(view) else ""


def app_secret(view: TaskView) -> str:
    """Where the App's key is: as the Job was told, or as the Workspace says before there is one. Empty without."""
    if view.job is not None and view.owns_job:
        return view.job.app_secret
    ref = view.workspace.spec.secret_ref if view.workspace is not None else None
    return ref.name if ref is not None and is_app(view.secrets.get(ref.name)) else ""


def needs_mint(view: TaskView) -> bool:
    """Whether the Job must wait for a token: there is none for its repository, or it is about to expire."""
    if not app_secret(view):
        return False
    token = view.token
    if token is None or token.owner_uid != view.task.meta.uid or token.repository != _repository(view):
        return True
    return seconds_left(view) <= 0


def seconds_left(view: TaskView) -> float:
    """Until the token has to be replaced; nothing when there is none that could be used."""
    token = view.token
    if token is None or token.expires_at is None or token.minted_at is None:
        return 0.0
    return (renewal_at(view.task.meta.uid, token.minted_at, token.expires_at) - view.now).total_seconds()


def renewal_at(task_uid: str, minted_at: datetime, expires_at: datetime) -> datetime:
    """When a token is replaced: early enough, not all at once, and never in the first minute."""
    share = int(sha256(task_uid.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    margin = min(RENEW_BEFORE_SECONDS + share * SPREAD_SECONDS, (expires_at - minted_at).total_seconds() / 2)
    return max(minted_at + timedelta(seconds=SHORTEST_USE_SECONDS), expires_at - timedelta(seconds=margin))


def mint(view: TaskView) -> Mint:
    task, address = view.task, _repository(view)
    repository = parse_repository(address)
    return Mint(
        secret=_secret(view, address),
        app_secret=app_secret(view),
        namespace=task.meta.namespace,
        api_url=repository.api_url,
        repository=repository.name,
    )


def with_renewal(view: TaskView, decided: Plan) -> Plan:
    """The plan of a running Task, with a new token when it is time."""
    is_ending = (view.job is not None and view.job.is_suspended) or (view.pods and all(p.is_over for p in view.pods))
    if not app_secret(view) or is_ending:
        return decided
    left = seconds_left(view)
    if left > 0:
        return _look(decided, left)
    told = tell(view, EventType.NORMAL, "GitHubTokenRefreshed", f"Renewed the GitHub token at {timestamp(view.now)}")
    return _look(replace(decided, steps=(*decided.steps, mint(view), told)), SEEN_SECONDS)


def plan_renewal_failed(view: TaskView, decided: Plan, why: TokenUnavailable) -> Plan:
    """A running agent keeps the token it has: tell it and try again."""
    text = f"The GitHub token was not renewed and is tried again: {why}"
    told = tell(view, EventType.WARNING, "GitHubTokenRefreshFailed", text)
    return _look(Plan(steps=(told,), again_in_seconds=decided.again_in_seconds), why.retry_in_seconds)


def unavailable(view: TaskView, why: TokenUnavailable) -> Blocker:
    """What keeps a Task from starting that got no token."""
    name = view.task.spec.effective.workspace_name
    return Blocker(
        reason=Reason.TOKEN_UNAVAILABLE,
        message=f"Workspace '{name}': {why}",
        is_transient=True,
        again_in_seconds=why.retry_in_seconds,
    )


def _repository(view: TaskView) -> str:
    """The address of the repository the token is for."""
    if view.job is not None and view.owns_job:
        return view.job.token_repository
    return parse_repository(view.workspace.spec.repo).address if view.workspace is not None else ""


def _secret(view: TaskView, address: str) -> Manifest:
    """The token's Secret without the token."""
    meta = view.task.meta
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            "name": secret_name(meta.name),
            "namespace": meta.namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGER, names.LABEL_TASK: names.shorten(meta.name)},
            "annotations": {
                names.ANNOTATION_APP_SECRET: app_secret(view),
                names.ANNOTATION_TOKEN_FOR: address,
                names.ANNOTATION_TOKEN_MINTED: timestamp(view.now),
            },
            "ownerReferences": [owner_of(view.task)],
        },
    }


def _look(decided: Plan, seconds: float) -> Plan:
    """Look again then, or sooner if the plan says so."""
    again = decided.again_in_seconds
    return replace(decided, again_in_seconds=seconds if again is None else min(again, seconds))
