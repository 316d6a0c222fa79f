"""What somebody asks of a Task's pod, laid over the `podOverrides` of a manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kelos.api.checks import excerpt
from kelos.errors import UserError

_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRequest:
    """Variables as (name, value), from Secrets as (name, Secret, key); resources as (part, resource, quantity)."""

    env: tuple[tuple[str, str], ...] = ()
    secret_env: tuple[tuple[str, str, str], ...] = ()
    resources: tuple[tuple[str, str, str], ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == PodRequest()


def lay_over(base: object, request: PodRequest) -> dict[str, Any]:
    """The overrides with what is asked for; of the base stays what it does not name."""
    overrides = _mapping(base, "podOverrides")
    if request.env or request.secret_env:
        overrides["env"] = _env(overrides.get("env"), request)
    if request.resources:
        overrides["resources"] = _resources(overrides.get("resources"), request)
    if request.node_selector:
        selector = _mapping(overrides.get("nodeSelector"), "podOverrides.nodeSelector")
        overrides["nodeSelector"] = {**selector, **dict(request.node_selector)}
    return overrides


def _env(base: object, request: PodRequest) -> list[dict[str, Any]]:
    before = base or []
    if not isinstance(before, list) or not all(isinstance(item, dict) for item in before):
        raise UserError("The Task manifest's 'podOverrides.env' is not a list of name and value: check its indentation")
    said: list[dict[str, Any]] = []
    for name, value in request.env:
        if "\x00" in value:
            raise UserError(f"Environment variable '{excerpt(name)}' holds a NUL character: remove it")
        said.append({"name": name, "value": value})
    for name, secret, key in request.secret_env:
        said.append({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    names = [item["name"] for item in said]
    for name in names:
        if not _ENV_NAME.fullmatch(name):
            raise UserError(f"Environment variable '{excerpt(name)}' is not a legal name: use letters, digits and '_'")
    return [*(item for item in before if item.get("name") not in names), *said]


def _resources(base: object, request: PodRequest) -> dict[str, Any]:
    found: dict[str, Any] = _mapping(base, "podOverrides.resources")
    for part, resource, quantity in request.resources:
        found[part] = {**_mapping(found.get(part), f"podOverrides.resources.{part}"), resource: quantity}
    return found


def _mapping(value: object, where: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise UserError(f"The Task manifest's '{where}' is not a mapping: check its indentation")
    return dict(value or {})
