"""What podOverrides come to: what of them is left out, and which field of the Task a field of its Job came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kelos.api.kinds import Manifest
from kelos.api.pod_overrides import PodOverrides
from kelos.api.task import Task

_POD = r"spec\.template\.spec\."
_INDEXED = re.compile(_POD + r"(containers|initContainers|volumes)\[(\d+)\]((?:\.[A-Za-z]+(?:\[\d+\])?)*)")
_KIND_OF_VALUE = re.compile(r"Go struct field \w+\.(?=spec\.)")
_UNINDEXED = re.compile(_POD + r"(containers|initContainers|volumes)\.(?:VolumeSource\.)?([\w.]+)")
"""A value of the wrong kind is told without its place in the list, and with the names of Go's types."""
_MEMBER = re.compile(r"\.(env|volumeMounts)\[(\d+)\](.*)")
_WHOLE = (
    (re.compile(r"spec\.template\.(?:metadata\.)?labels|(?<![.\w])metadata\.labels"), "podOverrides.labels"),
    (re.compile(_POD + "securityContext"), "podOverrides.podSecurityContext"),
    (re.compile(_POD + r"(nodeSelector|tolerations|affinity|imagePullSecrets|serviceAccountName)"), r"podOverrides.\1"),
    (re.compile(r"(?<![.\w])spec\.podFailurePolicy"), "podFailurePolicy"),
    (re.compile(r"(?:spec\.template\.)?spec\.activeDeadlineSeconds"), "podOverrides.activeDeadlineSeconds"),
)
_AGENT = (
    (".resources", "podOverrides.resources"),
    (".securityContext", "podOverrides.containerSecurityContext"),
    (".image", "image"),
)


def ignored(overrides: PodOverrides, job: Manifest) -> tuple[str, ...]:
    """One sentence for each variable and label that ours took the place of."""
    template = job["spec"]["template"]
    env, labels = template["spec"]["containers"][0]["env"], template["metadata"]["labels"]
    variables = [str(entry.get("name")) for entry in overrides.env if entry not in env]
    keys = [key for key, value in (overrides.labels or {}).items() if labels.get(key) != value]
    return (
        *(f"podOverrides.env '{name}' is left out: the controller sets it" for name in variables),
        *(f"podOverrides.labels '{key}' is left out: the controller sets it" for key in keys),
    )


def in_words_of_the_task(said: str, job: Manifest, task: Task) -> str:
    """The API server's sentence about a Job, with paths of the Task where they came from there."""
    overrides = task.spec.effective.pod_overrides
    pod = job["spec"]["template"]["spec"]

    def indexed(match: re.Match[str]) -> str:
        kind, index, rest = match[1], int(match[2]), match[3]
        there: Sequence[Manifest] = pod.get(kind) or ()
        if index >= len(there):
            return match[0]
        found = _origin(kind, there[index], rest, overrides)
        return match[0] if found is None else _place(task, found)

    def unindexed(match: re.Match[str]) -> str:
        field = _fields_of(match[1], match[2], overrides)
        return match[0] if field is None else _place(task, field)

    said = _UNINDEXED.sub(unindexed, _INDEXED.sub(indexed, _KIND_OF_VALUE.sub("", said)))
    for pattern, field in _WHOLE:
        said = pattern.sub(lambda match, field=field: _place(task, match.expand(field)), said)  # type: ignore[misc]
    return said


def _origin(kind: str, there: Manifest, rest: str, overrides: PodOverrides) -> str | None:
    """The field below the Task's spec, or None for what is ours."""
    if kind == "volumes":
        return _item("podOverrides.volumes", there, overrides.volumes, rest)
    if kind == "initContainers":
        for field, containers in _extras(overrides):
            same = [i for i, container in enumerate(containers) if container.get("name") == there.get("name")]
            if same:
                return f"{field}[{same[0]}]{rest}"
        return None
    if match := _MEMBER.fullmatch(rest):
        given = overrides.env if match[1] == "env" else overrides.volume_mounts
        items: Sequence[Manifest] = there.get(match[1]) or ()
        index = int(match[2])
        return _item(f"podOverrides.{match[1]}", items[index], given, match[3]) if index < len(items) else None
    return _agents_field(rest)


def _fields_of(kind: str, rest: str, overrides: PodOverrides) -> str | None:
    """The same without an index: every container but the agent's, and every wrong volume, is somebody's own."""
    if kind == "volumes":
        return f"podOverrides.volumes.{rest}"
    if kind == "initContainers":
        given = [field for field, containers in _extras(overrides) if containers]
        return f"{' or '.join(given)}.{rest}" if given else None
    if rest.startswith(("env", "volumeMounts")):
        return f"podOverrides.{rest}"
    return _agents_field(f".{rest}")


def _agents_field(rest: str) -> str | None:
    for member, field in _AGENT:
        if rest == member or rest.startswith((f"{member}.", f"{member}[")):
            return field + rest.removeprefix(member)
    return None


def _extras(overrides: PodOverrides) -> Iterator[tuple[str, Sequence[Manifest]]]:
    yield "podOverrides.extraInitContainers", overrides.extra_init_containers
    yield "podOverrides.extraContainers", overrides.extra_containers


def _item(field: str, item: Manifest, given: Sequence[Manifest], rest: str) -> str | None:
    return f"{field}[{list(given).index(item)}]{rest}" if item in given else None


def _place(task: Task, field: str) -> str:
    """Where the Task says it: `worker` wins over the flat fields."""
    if field.startswith("podFailurePolicy"):
        return f"spec.{field}"
    worker = task.spec.worker
    is_below = worker is not None and (worker.image if field.startswith("image") else worker.pod_overrides)
    return f"spec.worker.{field}" if is_below else f"spec.{field}"


def shapes_the_pod(task: Task) -> bool:
    """Whether somebody gave the pod a form that only the API server can judge."""
    return task.spec.effective.pod_overrides != PodOverrides() or task.spec.pod_failure_policy is not None
