"""Tasks that are reported on, as the API server has them."""

from __future__ import annotations

from typing import Any

import make
from kelos.api import names
from kelos.api.kinds import Manifest
from kelos.reporting.subject import Subject, read_subject
from kelos.reporting.thread import Thread, key_of, thread_of

API = "https://api.github.com"
SHA = "1" * 40
SPAWNER = "shop-bugs"


def notes(*, comments: bool = True, checks: bool = False, sticky: bool = False, **more: str) -> dict[str, str]:
    """The annotations that a spawner writes; more of them by the end of their names."""
    found = {
        names.ANNOTATION_SOURCE_KIND: "pull-request" if checks else "issue",
        names.ANNOTATION_SOURCE_NUMBER: "1",
        names.ANNOTATION_SOURCE_REPOSITORY: "acme/shop",
        names.ANNOTATION_SOURCE_API: API,
        names.ANNOTATION_SOURCE_SECRET: "git",
    }
    if comments:
        found[names.ANNOTATION_REPORTING] = "enabled"
        found[names.ANNOTATION_COMMENT_MODE] = "Sticky" if sticky else "PerTask"
    if checks:
        found |= {names.ANNOTATION_CHECKS: "enabled", names.ANNOTATION_SOURCE_SHA: SHA}
    return found | {f"kelos.dev/{name.replace('_', '-')}": value for name, value in more.items()}


def manifest(
    name: str = "shop-bugs-1",
    *,
    status: Manifest | None = None,
    comments: bool = True,
    checks: bool = False,
    sticky: bool = False,
    told: dict[str, str] | None = None,
    created: str = "2026-02-07T08:00:00Z",
    finalizers: tuple[str, ...] = (names.FINALIZER_REPORT,),
    meta: Manifest | None = None,
    **spec: Any,
) -> Manifest:
    """A Task of a TaskSpawner, with the annotations and the finalizer of reporting."""
    annotations = notes(comments=comments, checks=checks, sticky=sticky, **(told or {}))
    whole = {
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "creationTimestamp": created,
        "labels": {names.LABEL_SPAWNER: SPAWNER},
        "finalizers": list(finalizers),
        **(meta or {}),
    }
    whole["annotations"] = annotations | whole.get("annotations", {})
    return make.task_manifest(name, status=status, meta=whole, **spec)


def subject(name: str = "shop-bugs-1", **known: Any) -> Subject:
    return read_subject(manifest(name, **known))


def thread(*subjects: Subject) -> Thread:
    """Of the Tasks given, or of one that runs."""
    found = thread_of(key_of(subjects[0]), subjects)
    assert found is not None
    return found


def running(**more: Any) -> Manifest:
    return {"phase": "Running", **more}


def succeeded(**more: Any) -> Manifest:
    """After three minutes, for half a dollar, with a pull request."""
    return {
        "phase": "Succeeded",
        "startTime": "2026-02-07T08:00:10Z",
        "completionTime": "2026-02-07T08:03:22Z",
        "usage": {"cost": "0.4211"},
        "results": {"branch": "kelos/fix-1", "pr": "https://github.com/acme/shop/pull/7"},
        **more,
    }


def failed(**more: Any) -> Manifest:
    return {
        "phase": "Failed",
        "reason": "OOMKilled",
        "message": "The agent's container used more memory than it may",
        "diagnosis": {"reason": "OOMKilled", "advice": "Raise the memory limit in podOverrides"},
        "startTime": "2026-02-07T08:00:10Z",
        "completionTime": "2026-02-07T08:03:22Z",
        **more,
    }
