"""The kinds that hold data rather than run: secrets, configuration, accounts, claims, leases, namespaces, events."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.builtin.pods import check_pod_spec, complete_pod_spec
from kelos.local.server.builtin.rules import BuiltInRules, default, immutable, required
from kelos.local.server.refusals import Cause, bad_request

_DATA_LIMIT_BYTES = 1024 * 1024
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def _complete_secret(new: Manifest, old: Manifest | None) -> None:
    texts = new.pop("stringData", None)
    if isinstance(texts, dict):
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in texts.items()}
        new["data"] = {**(new.get("data") or {}), **encoded}
    default(new, type=(old or {}).get("type", "Opaque"))


def _check_secret(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    data = new.get("data") or {}
    size = 0
    for key, value in data.items():
        try:
            size += len(base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError):
            # The value itself is never repeated: it may be the secret in the clear.
            raise bad_request(f"the Secret cannot be decoded: data.{key} is not base64") from None
    yield from _check_keys(data)
    yield from _check_size(size)
    if old is not None:
        yield from immutable("type", new.get("type"), old.get("type"))
        yield from _check_frozen(new, old, ("data",))


def _check_config_map(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    data, binary = new.get("data") or {}, new.get("binaryData") or {}
    yield from _check_keys({**data, **binary})
    yield from _check_size(
        sum(len(str(value).encode("utf-8", "replace")) for value in (*data.values(), *binary.values()))
    )
    if old is not None:
        yield from _check_frozen(new, old, ("data", "binaryData"))


def _check_keys(data: Manifest) -> Iterator[Cause]:
    for key in data:
        legal = key.replace("-", "").replace("_", "").replace(".", "").isalnum() and key.isascii()
        if not legal or len(key) > 253 or key in (".", ".."):
            text = f"Invalid value: \"{key}\": a key consists of letters, digits, '-', '_' or '.'"
            yield Cause(field=f"data[{key}]", message=text)


def _check_size(size: int) -> Iterator[Cause]:
    if size > _DATA_LIMIT_BYTES:
        text = f"Too long: may not be more than {_DATA_LIMIT_BYTES} bytes"
        yield Cause(field="data", message=text, reason="FieldValueTooLong")


def _check_frozen(new: Manifest, old: Manifest, fields: tuple[str, ...]) -> Iterator[Cause]:
    if not old.get("immutable"):
        return
    for field in ("immutable", *fields):
        if new.get(field) != old.get(field):
            text = "Forbidden: field is immutable when `immutable` is set"
            yield Cause(field=field, message=text, reason="FieldValueForbidden")


def _complete_namespace(new: Manifest, old: Manifest | None) -> None:
    metadata = new["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), _NAMESPACE_LABEL: metadata.get("name", "")}
    default(new.setdefault("spec", {}), finalizers=["kubernetes"])
    if old is None:
        new["status"] = {"phase": "Active"}


def ending_namespace(namespace: Manifest) -> Manifest:
    """The namespace while its content is being removed."""
    return {**namespace, "status": {**(namespace.get("status") or {}), "phase": "Terminating"}}


def _complete_claim(new: Manifest, old: Manifest | None) -> None:
    default(new.setdefault("spec", {}), volumeMode="Filesystem")
    if old is None:
        new["status"] = {"phase": "Pending"}


def _check_claim(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    if not new["spec"].get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    if not ((new["spec"].get("resources") or {}).get("requests") or {}).get("storage"):
        yield required("spec.resources[storage]")
    if old is not None:
        yield from immutable("spec.accessModes", new["spec"].get("accessModes"), old["spec"].get("accessModes"))


def _check_lease(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new.get("spec") or {}
    for field in ("leaseDurationSeconds", "leaseTransitions"):
        least = 1 if field == "leaseDurationSeconds" else 0
        value = spec.get(field, least)
        if not isinstance(value, int) or value < least:
            yield Cause(field=f"spec.{field}", message=f"Invalid value: {value}: must be at least {least}")


def _check_event(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    involved: Any = new.get("involvedObject") or {}
    if involved.get("namespace", "") not in ("", new["metadata"].get("namespace")):
        yield Cause(field="involvedObject.namespace", message="Invalid value: does not match event.namespace")


def _complete_deployment(new: Manifest, old: Manifest | None) -> None:
    spec = new.setdefault("spec", {})
    default(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    default(spec, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})
    template = spec.get("template")
    if isinstance(template, dict) and isinstance(template.setdefault("spec", {}), dict):
        complete_pod_spec(template["spec"])
    if old is None:
        new["status"] = {}


def _check_deployment(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    if not spec.get("selector"):
        yield required("spec.selector")
    if not isinstance(spec.get("template"), dict):
        yield required("spec.template")
        return
    yield from check_pod_spec(spec["template"]["spec"], "spec.template.spec")
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        text = "Invalid value: `selector` does not match template `labels`"
        yield Cause(field="spec.template.metadata.labels", message=text)
    if old is not None:
        yield from immutable("spec.selector", spec.get("selector"), old["spec"].get("selector"))


SECRET_RULES = BuiltInRules(type_name="Secret", complete=_complete_secret, check=_check_secret)
CONFIG_MAP_RULES = BuiltInRules(type_name="ConfigMap", check=_check_config_map)
NAMESPACE_RULES = BuiltInRules(type_name="Namespace", complete=_complete_namespace)
CLAIM_RULES = BuiltInRules(type_name="PersistentVolumeClaim", complete=_complete_claim, check=_check_claim)
LEASE_RULES = BuiltInRules(type_name="Lease", check=_check_lease)
EVENT_RULES = BuiltInRules(type_name="CoreV1Event", check=_check_event)
DEPLOYMENT_RULES = BuiltInRules(type_name="Deployment", complete=_complete_deployment, check=_check_deployment)
