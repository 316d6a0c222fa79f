"""The environment of a container: the host's minimum, then `envFrom`, then `env`, each with its references resolved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from kelos.api.kinds import Manifest
from kelos.local.jobs.pod.expansion import expand
from kelos.local.jobs.pod.references import Data, Sources, pod_field
from kelos.local.jobs.pod.states import ConfigError

_VARIABLE_NAME = re.compile(r"[^=\x00]+")


def build_environment(container: Manifest, pod: Manifest, sources: Sources) -> dict[str, str]:
    """The variables that the container's specification asks for. Raises ConfigError when one cannot be had."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        found |= _all_keys(source, sources)
    for variable in container.get("env") or ():
        value = _value(variable, container, pod, sources, found)
        if value is not None:
            found[variable["name"]] = value
    return {name: value.replace("\x00", "") for name, value in found.items() if _VARIABLE_NAME.fullmatch(name)}


def expand_words(words: list[str] | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Command or args with their references to the container's own variables."""
    return tuple(expand(word, environment) for word in words or ())


def _value(
    variable: Manifest, container: Manifest, pod: Manifest, sources: Sources, found: Mapping[str, str]
) -> str | None:
    """None when an optional source is missing: the variable is not set then."""
    if variable.get("value"):
        return expand(variable["value"], found)
    source: Manifest = variable.get("valueFrom") or {}
    if "fieldRef" in source:
        return pod_field(pod, source["fieldRef"]["fieldPath"])
    if "secretKeyRef" in source:
        return _optional(source["secretKeyRef"], sources.secret_key)
    if "configMapKeyRef" in source:
        return _optional(source["configMapKeyRef"], sources.config_map_key)
    if source:
        raise ConfigError(f"variable {variable['name']}: {next(iter(source))} is not offered on this node")
    return ""


def _optional(reference: Manifest, read: Callable[[str, str], bytes]) -> str | None:
    try:
        return _text(read(reference.get("name", ""), reference["key"]))
    except ConfigError:
        if reference.get("optional"):
            return None
        raise


def _all_keys(source: Manifest, sources: Sources) -> dict[str, str]:
    reference: Manifest = source.get("secretRef") or source.get("configMapRef") or {}
    read = sources.secret if "secretRef" in source else sources.config_map
    try:
        data: Data = read(reference.get("name", ""))
    except ConfigError:
        if reference.get("optional"):
            return {}
        raise
    prefix = source.get("prefix", "")
    return {prefix + key: _text(value) for key, value in data.items()}


def _text(value: bytes) -> str:
    """Bytes that are no text survive in the environment as they are."""
    return value.decode("utf-8", "surrogateescape")
