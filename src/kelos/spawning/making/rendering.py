"""From a TaskSpawner's template and an item to the Task that is created."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kelos.api import names
from kelos.api.codec import dump
from kelos.api.github_sources import GitHubIssues, GitHubPullRequests, Reporting
from kelos.api.kinds import TASK, TASK_SPAWNER, Manifest
from kelos.api.manifest import TaskRequest, build_task
from kelos.api.repository import parse_repository
from kelos.api.task_spawner import PooledCredentials, TaskSpawner
from kelos.api.task_template import RESERVED_ANNOTATIONS
from kelos.api.work_item import Origin, WorkItem
from kelos.api.workspace import Workspace
from kelos.errors import UserError
from kelos.spawning.making.texts import Texts, label_value, texts_of

ADMISSION_REQUIRED = "required"
ENABLED = "enabled"
ANNOTATIONS_LIMIT_BYTES = 128 * 1024  # half of what the API server takes: others write annotations, too

_HEAD = {"apiVersion": TASK.api_version, "kind": TASK.kind}
_OF_THE_TEMPLATE_ALONE = (
    "promptTemplate",
    "nameTemplate",
    "metadata",
    "contextSources",
    "branch",
    "baseRef",
    "upstreamRepo",
)
_OF_THE_SOURCE = (
    names.ANNOTATION_SOURCE_KIND,
    names.ANNOTATION_SOURCE_NUMBER,
    names.ANNOTATION_SOURCE_SHA,
    names.ANNOTATION_SOURCE_REPOSITORY,
    names.ANNOTATION_SOURCE_API,
    names.ANNOTATION_SOURCE_SECRET,
    names.ANNOTATION_REPORTING,
    names.ANNOTATION_COMMENT_MODE,
    names.ANNOTATION_CHECKS,
    names.ANNOTATION_CHECK_NAME,
)


def build_spawned_task(
    spawner: TaskSpawner,
    workspace: Workspace | None,
    item: WorkItem,
    *,
    name: str,
    context: Mapping[str, str],
    chance: float,
) -> Manifest:
    """The Task to create. `chance`, from 0 to 1, picks one of several credentials. Raises UserError."""
    template = spawner.spec.task_template
    texts = texts_of(item, context if template.context_sources else None)
    pooled = pooled_credentials(spawner, chance)
    origin = _origin_annotations(spawner, workspace, item.origin)
    metadata = {
        "labels": _labels(spawner, texts, pooled),
        "annotations": {**_own_annotations(spawner, texts), **origin, **_item_annotations(spawner, item)},
    }
    request = TaskRequest(
        name=name,
        namespace=spawner.meta.namespace,
        prompt=texts.of_prompt(template.prompt, is_rendered_again=bool(template.depends_on)),
        branch=texts.of("branch", template.branch or "").strip(),
        base_ref=texts.of("baseRef", template.base_ref or "").strip(),
        upstream_repo=template.upstream_repo or _polled_repository(spawner),
        base={**_HEAD, "metadata": metadata, "spec": task_spec(spawner, chance)},
    )
    task = build_task(request)
    is_reported = names.ANNOTATION_REPORTING in origin or names.ANNOTATION_CHECKS in origin
    own = {
        "ownerReferences": [_owner(spawner)],
        "finalizers": [names.FINALIZER_SPAWNED, *([names.FINALIZER_REPORT] if is_reported else ())],
    }
    return {**task, "metadata": {**task["metadata"], **own}}


def pooled_credentials(spawner: TaskSpawner, chance: float) -> PooledCredentials | None:
    """The entry of the pool that a number from 0 to 1 falls on; all are equally likely."""
    pool = spawner.spec.credentials
    return pool[min(int(chance * len(pool)), len(pool) - 1)] if pool else None


def task_spec(spawner: TaskSpawner, chance: float) -> dict[str, Any]:
    """What the spec of all Tasks has alike: the template without its texts."""
    pooled, template = pooled_credentials(spawner, chance), dump(spawner.spec.task_template)
    spec = {field: value for field, value in template.items() if field not in _OF_THE_TEMPLATE_ALONE}
    if pooled is None:
        return spec
    credentials = {"credentials": dump(pooled.credentials)}
    return {**spec, "worker": {**spec["worker"], **credentials}} if "worker" in spec else {**spec, **credentials}


def _labels(spawner: TaskSpawner, texts: Texts, pooled: PooledCredentials | None) -> dict[str, str]:
    wanted = spawner.spec.task_template.metadata.labels
    own = {key: label_value(texts.of(f"metadata.labels['{key}']", text)) for key, text in wanted.items()}
    entry = {names.LABEL_CREDENTIAL: pooled.name} if pooled is not None else {}
    return {**own, names.LABEL_SPAWNER: names.shorten(spawner.meta.name), **entry}


def _own_annotations(spawner: TaskSpawner, texts: Texts) -> dict[str, str]:
    """Those of the template, without any that say what only we may say."""
    wanted = spawner.spec.task_template.metadata.annotations
    own = {
        key: texts.of(f"metadata.annotations['{key}']", text)
        for key, text in wanted.items()
        if key not in RESERVED_ANNOTATIONS and key not in _OF_THE_SOURCE
    }
    size = sum(len(key.encode()) + len(text.encode("utf-8", "replace")) for key, text in own.items())
    if size > ANNOTATIONS_LIMIT_BYTES:
        raise UserError(
            f"taskTemplate.metadata.annotations have {size} bytes, the limit is {ANNOTATIONS_LIMIT_BYTES}: "
            "put long texts into promptTemplate"
        )
    return own


def _item_annotations(spawner: TaskSpawner, item: WorkItem) -> dict[str, str]:
    url = item.origin.url if item.origin is not None else item.variables.get("URL")
    facts = {"kind": "taskspawner", "spawner": spawner.meta.name, "item": item.key, "trigger": item.trigger.key}
    triggered_by = {**facts, "url": url if isinstance(url, str) else ""}
    return {
        names.ANNOTATION_ADMISSION: ADMISSION_REQUIRED,
        names.ANNOTATION_ITEM: _json({"key": item.key, "trigger": item.trigger.key}),
        names.ANNOTATION_TRIGGERED_BY: _json({key: value for key, value in triggered_by.items() if value}),
    }


def _origin_annotations(spawner: TaskSpawner, workspace: Workspace | None, origin: Origin | None) -> dict[str, str]:
    if origin is None:
        return {}
    reports: Reporting = getattr(spawner.spec.when.source, "reports", Reporting())
    secret = workspace.spec.secret_ref.name if workspace is not None and workspace.spec.secret_ref else ""
    said = {
        names.ANNOTATION_SOURCE_KIND: origin.kind.value,
        names.ANNOTATION_SOURCE_NUMBER: str(origin.number),
        names.ANNOTATION_SOURCE_REPOSITORY: origin.repository,
        names.ANNOTATION_SOURCE_API: origin.api_url,
    }
    if reports.is_wanted:
        said[names.ANNOTATION_SOURCE_SECRET] = secret
    if reports.has_comments:
        said |= {names.ANNOTATION_REPORTING: ENABLED, names.ANNOTATION_COMMENT_MODE: reports.comment_mode.value}
    if reports.checks is not None and origin.sha:
        said |= {names.ANNOTATION_CHECKS: ENABLED, names.ANNOTATION_SOURCE_SHA: origin.sha}
        said[names.ANNOTATION_CHECK_NAME] = reports.checks.name or ""
    return {key: value for key, value in said.items() if value}


def _polled_repository(spawner: TaskSpawner) -> str:
    """Where pull requests go when the template does not say it: to the repository whose items are polled."""
    source = spawner.spec.when.source
    repo = source.repo if isinstance(source, GitHubIssues | GitHubPullRequests) else None
    if not repo:
        return ""
    return parse_repository(repo).full_name if ":" in repo else repo


def _owner(spawner: TaskSpawner) -> dict[str, Any]:
    return {
        "apiVersion": TASK_SPAWNER.api_version,
        "kind": TASK_SPAWNER.kind,
        "name": spawner.meta.name,
        "uid": spawner.meta.uid,
        "controller": True,
    }


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(value, separators=(",", ":"))
