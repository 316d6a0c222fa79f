"""Pods: what the server fills in, what it refuses, and how long a deletion waits for the node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.builtin.quantities import check_resources
from kelos.local.server.builtin.rules import BuiltInRules, check_label, default, immutable, not_supported, required
from kelos.local.server.refusals import Cause

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DEFAULT_GRACE_SECONDS = 30
_MUTABLE = ("image", "resources")


def grace(pod: Manifest, asked: int | None) -> int:
    """The seconds a node has to end a pod; none when no node runs it."""
    finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    if finished or not pod.get("spec", {}).get("nodeName"):
        return 0
    if asked is not None:
        return asked
    return int(pod["spec"].get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS))


def complete_pod_spec(spec: Manifest) -> None:
    """The defaults of every pod and pod template."""
    default(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        terminationGracePeriodSeconds=_DEFAULT_GRACE_SECONDS,
        schedulerName="default-scheduler",
        securityContext={},
    )
    if "serviceAccountName" in spec:
        default(spec, serviceAccount=spec["serviceAccountName"])
    for container in containers_of(spec):
        _complete_container(container)
    for volume in _dicts(spec.get("volumes")):
        _complete_volume(volume)


def check_pod_spec(spec: Manifest, field: str) -> Iterator[Cause]:
    """What is wrong with a pod or a pod template."""
    if spec.get("restartPolicy") not in _RESTART_POLICIES:
        yield not_supported(f"{field}.restartPolicy", spec.get("restartPolicy"), _RESTART_POLICIES)
    if not spec.get("containers"):
        yield required(f"{field}.containers")
    volumes = [volume.get("name") for volume in _dicts(spec.get("volumes"))]
    names: set[str] = set()
    for group in ("initContainers", "containers"):
        for at, container in enumerate(_dicts(spec.get(group))):
            place = f"{field}.{group}[{at}]"
            yield from _check_container(container, place, volumes)
            if container.get("name") in names:
                text = f'Duplicate value: "{container["name"]}"'
                yield Cause(field=f"{place}.name", message=text, reason="FieldValueDuplicate")
            names.add(container.get("name", ""))
    for at, name in enumerate(volumes):
        yield from check_label(name, f"{field}.volumes[{at}].name")
        if name in volumes[:at]:
            text = f'Duplicate value: "{name}"'
            yield Cause(field=f"{field}.volumes[{at}].name", message=text, reason="FieldValueDuplicate")


def containers_of(spec: Manifest) -> list[Manifest]:
    return [*_dicts(spec.get("initContainers")), *_dicts(spec.get("containers"))]


def _complete(new: Manifest, old: Manifest | None) -> None:
    spec = new.setdefault("spec", {})
    complete_pod_spec(spec)
    default(
        spec,
        enableServiceLinks=True,
        serviceAccountName="default",
        serviceAccount="default",
        preemptionPolicy="PreemptLowerPriority",
        priority=0,
    )
    if old is None:
        new["status"] = {"phase": "Pending", "qosClass": _quality(spec)}


def _check(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    if old is None:
        yield from check_pod_spec(new["spec"], "spec")
    elif _fixed(new["spec"]) != _fixed(old["spec"]):
        text = "Forbidden: pod updates may not change fields other than container images, tolerations and deadlines"
        yield Cause(field="spec", message=text, reason="FieldValueForbidden")
    else:
        yield from immutable("spec.nodeName", new["spec"].get("nodeName"), old["spec"].get("nodeName"))


def _fixed(spec: Manifest) -> Manifest:
    """The part of a pod's spec that never changes."""
    free = ("containers", "initContainers", "tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds",
            "schedulingGates", "nodeName", "ephemeralContainers")  # fmt: skip
    fixed = {key: value for key, value in spec.items() if key not in free}
    return fixed | {
        group: [{key: value for key, value in each.items() if key not in _MUTABLE} for each in _dicts(spec.get(group))]
        for group in ("containers", "initContainers")
    }


def _complete_container(container: Manifest) -> None:
    image = str(container.get("image", ""))
    latest = image.endswith(":latest") or (":" not in image.rpartition("/")[2] and "@" not in image)
    default(
        container,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
        resources={},
    )
    limits = container["resources"].get("limits") if isinstance(container["resources"], dict) else None
    if limits:
        requests = container["resources"].setdefault("requests", {})
        default(requests, **limits)
    for port in _dicts(container.get("ports")):
        default(port, protocol="TCP")
    for variable in _dicts(container.get("env")):
        source = variable.get("valueFrom")
        if isinstance(source, dict) and isinstance(source.get("fieldRef"), dict):
            default(source["fieldRef"], apiVersion="v1")


def _complete_volume(volume: Manifest) -> None:
    for source in ("secret", "configMap", "downwardAPI", "projected"):
        if isinstance(volume.get(source), dict):
            default(volume[source], defaultMode=0o644)
    for item in _dicts((volume.get("downwardAPI") or {}).get("items")):
        if isinstance(item.get("fieldRef"), dict):
            default(item["fieldRef"], apiVersion="v1")
    if isinstance(volume.get("hostPath"), dict):
        default(volume["hostPath"], type="")
    if volume.keys() <= {"name"}:
        volume["emptyDir"] = {}


def _check_container(container: Manifest, field: str, volumes: list[Any]) -> Iterator[Cause]:
    yield from check_label(container.get("name"), f"{field}.name")
    if not container.get("image"):
        yield required(f"{field}.image")
    for at, variable in enumerate(_dicts(container.get("env"))):
        if not variable.get("name"):
            yield required(f"{field}.env[{at}].name")
        if variable.get("value") and variable.get("valueFrom"):
            text = "Invalid value: may not be specified when `value` is not empty"
            yield Cause(field=f"{field}.env[{at}].valueFrom", message=text)
    yield from check_resources(container.get("resources"), f"{field}.resources")
    for at, mount in enumerate(_dicts(container.get("volumeMounts"))):
        if not mount.get("mountPath"):
            yield required(f"{field}.volumeMounts[{at}].mountPath")
        if mount.get("name") not in volumes:
            text = f'Not found: "{mount.get("name", "")}"'
            yield Cause(field=f"{field}.volumeMounts[{at}].name", message=text, reason="FieldValueNotFound")


def _quality(spec: Manifest) -> str:
    """The quality-of-service class that requests and limits earn."""
    resources = [container["resources"] for container in containers_of(spec)]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    guaranteed = all(
        {"cpu", "memory"} <= (each.get("limits") or {}).keys() and each.get("requests") == each.get("limits")
        for each in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _dicts(value: Any) -> list[Manifest]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


RULES = BuiltInRules(type_name="Pod", complete=_complete, check=_check)
