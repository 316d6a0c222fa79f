"""Finds what an earlier attempt of the run has made already, for `on-rerun: adopt`."""

from __future__ import annotations

from kelos.action.api.client import Api
from kelos.action.api.patience import Patience
from kelos.action.conclusion import phase_of
from kelos.api.kinds import TASK, Manifest
from kelos.api.names import (
    ANNOTATION_CANCEL,
    ANNOTATION_SPEC_HASH,
    LABEL_LEG,
    LABEL_REPOSITORY,
    LABEL_RUN_ATTEMPT,
    LABEL_RUN_ID,
)
from kelos.api.reasons import Phase


def find_earlier(api: Api, namespace: str, wanted: Manifest, patience: Patience) -> Manifest | None:
    """The newest equal Task of an earlier attempt that runs or succeeded.

    None when one attempt has several: nobody can tell then which one was ours.
    """
    labels = wanted["metadata"]["labels"]
    selector = ",".join(f"{key}={labels[key]}" for key in (LABEL_REPOSITORY, LABEL_RUN_ID, LABEL_LEG))
    page = patience.insist(lambda: api.list(TASK, namespace, {"labelSelector": selector}))
    earlier = [task for task in page.get("items") or [] if _is_earlier(task, wanted)]
    attempts = {task["metadata"]["labels"].get(LABEL_RUN_ATTEMPT) for task in earlier}
    fitting = [task for task in earlier if _is_worth_adopting(task)] if len(attempts) == len(earlier) else []
    return max(fitting, key=lambda task: str(task["metadata"].get("creationTimestamp") or ""), default=None)


def _is_earlier(task: Manifest, wanted: Manifest) -> bool:
    """Whether another attempt asked for the very same."""
    has, wants = task["metadata"], wanted["metadata"]
    digest = (has.get("annotations") or {}).get(ANNOTATION_SPEC_HASH)
    is_of_this_attempt = has["labels"].get(LABEL_RUN_ATTEMPT) == wants["labels"][LABEL_RUN_ATTEMPT]
    return bool(digest == wants["annotations"][ANNOTATION_SPEC_HASH] and not is_of_this_attempt)


def _is_worth_adopting(task: Manifest) -> bool:
    """Not when it failed, or will: a cancel that was asked for may not have shown yet."""
    metadata = task["metadata"]
    is_going = metadata.get("deletionTimestamp") or ANNOTATION_CANCEL in metadata["annotations"]
    return not is_going and phase_of(task) is not Phase.FAILED
