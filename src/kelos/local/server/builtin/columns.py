"""The columns in which built-in kinds are printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.ages import age, duration, parse_time
from kelos.local.server.builtin.pod_state import ready, restarts, state
from kelos.local.server.resources import Column


def _at(path: str, otherwise: object = "<none>") -> Callable[[Manifest, datetime], object]:
    steps = path.split(".")

    def read(manifest: Manifest, now: datetime) -> object:
        value: Any = manifest
        for step in steps:
            value = value.get(step) if isinstance(value, Mapping) else None
        return otherwise if value in (None, "") else value

    return read


def _text(name: str, path: str, otherwise: object = "<none>", *, wide: bool = False) -> Column:
    return Column(name=name, read=_at(path, otherwise), priority=1 if wide else 0)


def _from(name: str, read: Callable[[Manifest], object], *, type: str = "string", wide: bool = False) -> Column:
    return Column(name=name, read=lambda manifest, now: read(manifest), type=type, priority=1 if wide else 0)


def _age_of(path: str, name: str = "Age", *, wide: bool = False) -> Column:
    moment = _at(path, None)
    return Column(name=name, read=lambda manifest, now: age(moment(manifest, now), now), priority=1 if wide else 0)


_NAME = Column(name="Name", read=_at("metadata.name"), format="name", description="The name of the object.")
_AGE = _age_of("metadata.creationTimestamp")


def _size(*fields: str) -> Callable[[Manifest], object]:
    return lambda manifest: sum(len(manifest.get(field) or ()) for field in fields)


def _job_status(job: Manifest) -> str:
    """A Job that failed keeps the conditions that came before, so ends are looked for first."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    holds = {condition["type"] for condition in conditions if condition["status"] == "True"}
    if job["metadata"].get("deletionTimestamp"):
        holds.add("Terminating")
    order = ("Complete", "Failed", "Terminating", "Suspended", "FailureTarget", "SuccessCriteriaMet")
    return next((state for state in order if state in holds), "Running")


def _job_completions(job: Manifest) -> str:
    done = (job.get("status") or {}).get("succeeded", 0)
    return f"{done}/{job['spec'].get('completions', job['spec'].get('parallelism', 1))}"


def _job_duration(job: Manifest, now: datetime) -> str:
    status = job.get("status") or {}
    start = parse_time(status.get("startTime"))
    if start is None:
        return ""
    ended = [each.get("lastTransitionTime") for each in status.get("conditions") or () if each["type"] == "Failed"]
    end = parse_time(status.get("completionTime") or next(iter(ended), None)) or now
    return duration((end - start).total_seconds())


def _last_seen(event: Manifest, now: datetime) -> str:
    series = event.get("series") or {}
    seen = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("deprecatedLastTimestamp")
    seen = seen or event.get("eventTime") or event.get("firstTimestamp") or event["metadata"].get("creationTimestamp")
    return age(seen, now)


def _event_object(event: Manifest) -> str:
    regarding = event.get("involvedObject") or event.get("regarding") or {}
    return f"{str(regarding.get('kind', '')).lower()}/{regarding.get('name', '')}"


def event_source(event: Manifest) -> str:
    source = event.get("source") or event.get("deprecatedSource") or {}
    return str(source.get("component") or event.get("reportingComponent") or event.get("reportingController") or "")


def _node_status(node: Manifest) -> str:
    conditions = (node.get("status") or {}).get("conditions") or ()
    is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    words = "Ready" if is_ready else "NotReady"
    return f"{words},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else words


def _images(path: Callable[[Manifest], Manifest]) -> Callable[[Manifest], str]:
    return lambda manifest: ",".join(str(each.get("image", "")) for each in path(manifest).get("containers") or ())


def _selector(manifest: Manifest) -> str:
    labels = (manifest["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "<none>"


def _template(manifest: Manifest) -> Manifest:
    found: Manifest = manifest["spec"].get("template", {}).get("spec", {})
    return found


PLAIN = (_NAME, Column(name="Created At", read=_at("metadata.creationTimestamp"), type="date"))
NAMESPACES = (_NAME, _text("Status", "status.phase"), _AGE)
SECRETS = (_NAME, _text("Type", "type"), _from("Data", _size("data"), type="integer"), _AGE)
CONFIG_MAPS = (_NAME, _from("Data", _size("data", "binaryData"), type="integer"), _AGE)
SERVICE_ACCOUNTS = (_NAME, _from("Secrets", _size("secrets"), type="integer"), _AGE)
PODS = (
    _NAME,
    _from("Ready", ready),
    _from("Status", state),
    Column(name="Restarts", read=restarts),
    _AGE,
    _text("IP", "status.podIP", wide=True),
    _text("Node", "spec.nodeName", wide=True),
    _text("Nominated Node", "status.nominatedNodeName", wide=True),
    _from("Readiness Gates", lambda pod: "<none>", wide=True),
)
EVENTS = (
    Column(name="Last Seen", read=_last_seen),
    _text("Type", "type"),
    _text("Reason", "reason"),
    _from("Object", _event_object),
    _text("Subobject", "involvedObject.fieldPath", "", wide=True),
    _from("Source", event_source, wide=True),
    _from("Message", lambda event: str(event.get("message") or event.get("note") or "").strip()),
    _age_of("metadata.creationTimestamp", "First Seen", wide=True),
    _from("Count", lambda event: event.get("count") or event.get("deprecatedCount") or 1, type="string", wide=True),
    Column(name="Name", read=_at("metadata.name"), format="name", priority=1),
)
CLAIMS = (
    _NAME,
    _text("Status", "status.phase"),
    _text("Volume", "spec.volumeName", ""),
    _text("Capacity", "status.capacity.storage", ""),
    _from("Access Modes", lambda claim: ",".join((claim.get("status") or {}).get("accessModes") or ())),
    _text("StorageClass", "spec.storageClassName", ""),
    _AGE,
)
SERVICES = (
    _NAME,
    _text("Type", "spec.type", "ClusterIP"),
    _text("Cluster-IP", "spec.clusterIP"),
    _from("Port(s)", lambda service: ",".join(
        f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in service["spec"].get("ports") or ()
    ) or "<none>"),
    _AGE,
)  # fmt: skip
NODES = (
    _NAME,
    _from("Status", _node_status),
    _from("Roles", lambda node: "<none>"),
    _AGE,
    _text("Version", "status.nodeInfo.kubeletVersion", ""),
)
JOBS = (
    _NAME,
    _from("Status", _job_status),
    _from("Completions", _job_completions),
    Column(name="Duration", read=_job_duration),
    _AGE,
    _from("Containers", lambda job: ",".join(each["name"] for each in _template(job).get("containers", ())), wide=True),
    _from("Images", _images(_template), wide=True),
    _from("Selector", _selector, wide=True),
)
CRON_JOBS = (
    _NAME,
    _text("Schedule", "spec.schedule"),
    _text("Timezone", "spec.timeZone"),
    _from("Suspend", lambda job: str(job["spec"].get("suspend", False))),
    _from("Active", lambda job: len((job.get("status") or {}).get("active") or ()), type="integer"),
    _age_of("status.lastScheduleTime", "Last Schedule"),
    _AGE,
)
DEPLOYMENTS = (
    _NAME,
    _from(
        "Ready", lambda each: f"{(each.get('status') or {}).get('readyReplicas', 0)}/{each['spec'].get('replicas', 1)}"
    ),
    _from("Up-to-date", lambda each: (each.get("status") or {}).get("updatedReplicas", 0), type="integer"),
    _from("Available", lambda each: (each.get("status") or {}).get("availableReplicas", 0), type="integer"),
    _AGE,
    _from("Images", _images(_template), wide=True),
)
LEASES = (_NAME, _text("Holder", "spec.holderIdentity", ""), _AGE)
BINDINGS = (
    _NAME,
    _from("Role", lambda each: f"{each.get('roleRef', {}).get('kind')}/{each.get('roleRef', {}).get('name')}"),
    _AGE,
)
DEFINITIONS = (_NAME, Column(name="Created At", read=_at("metadata.creationTimestamp"), type="date"))
