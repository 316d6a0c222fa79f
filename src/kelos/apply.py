"""The only place where a Plan becomes deeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from typing import assert_never

from kelos.api.kinds import EVENT, Manifest
from kelos.api.names import FIELD_MANAGER
from kelos.cluster.protocol import Cluster
from kelos.errors import AlreadyExists, ClusterError, Forbidden, Invalid, KelosError, NotFound
from kelos.plan import Create, Delete, DropFinalizer, Patch, Plan, Replace, SetStatus, Step, Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """The real systems that steps act on.

    `warn` hears of what was lost without harm, `learn` of each object whose status was written, as it is now.
    """

    cluster: Cluster
    now: Callable[[], datetime]
    warn: Callable[[str], object] = lambda _: None
    learn: Callable[[Manifest], object] = lambda _: None


class Taken(KelosError):
    """A child cannot be made: somebody else's object has its name."""

    def __init__(self, step: Create) -> None:
        super().__init__(f"{step.kind} '{step.manifest['metadata']['name']}' exists and belongs to somebody else")
        self.step = step


class Refused(KelosError):
    """The API server understood a Create and will not have it; trying again would not help."""

    def __init__(self, step: Create, answer: Invalid | Forbidden) -> None:
        super().__init__(f"{step.kind} '{step.manifest['metadata']['name']}' was refused: {answer}")
        self.step = step
        self.answer = answer


async def apply(plan: Plan, systems: Systems) -> None:
    """Do the steps in order; the first error ends the pass, to be tried again. A Create may raise Refused or Taken."""
    for step in plan.steps:
        await _do(step, systems)


async def _do(step: Step, systems: Systems) -> None:
    cluster = systems.cluster
    match step:
        case Create():
            await _create(step, cluster)
        case Replace(kind=kind, manifest=manifest):
            await cluster.replace(kind, manifest)
        case Patch(kind=kind, namespace=namespace, name=name, body=body):
            await cluster.patch(kind, namespace, name, body, field_manager=FIELD_MANAGER)
        case Delete(kind=kind, namespace=namespace, name=name, uid=uid, resource_version=version):
            try:
                await cluster.delete(kind, namespace, name, uid=uid, resource_version=version)
            except NotFound:
                return
        case SetStatus(kind=kind, namespace=namespace, name=name, resource_version=version, body=body):
            patch = {"metadata": {"resourceVersion": version}, "status": body}
            done = await cluster.patch(kind, namespace, name, patch, subresource="status", field_manager=FIELD_MANAGER)
            systems.learn(done)
        case DropFinalizer():
            await _drop_finalizer(step, cluster)
        case Tell():
            await _tell(step, systems)
        case _:
            assert_never(step)


async def _create(step: Create, cluster: Cluster) -> None:
    try:
        await cluster.create(step.kind, step.manifest)
    except AlreadyExists:
        meta = step.manifest["metadata"]
        there = await cluster.get(step.kind, meta.get("namespace"), meta["name"])
        if _controller(there) != _controller(step.manifest):
            raise Taken(step) from None
    except (Invalid, Forbidden) as answer:
        raise Refused(step, answer) from answer


async def _drop_finalizer(step: DropFinalizer, cluster: Cluster) -> None:
    """Read and patch with a precondition, so that nobody else's finalizer is lost."""
    try:
        there = await cluster.get(step.kind, step.namespace, step.name)
        meta = there["metadata"]
        left = [f for f in meta.get("finalizers") or () if f != step.finalizer]
        if meta["uid"] != step.uid or len(left) == len(meta.get("finalizers") or ()):
            return
        body = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": left or None}}
        await cluster.patch(step.kind, step.namespace, step.name, body, field_manager=FIELD_MANAGER)
    except NotFound:
        return


async def _tell(step: Tell, systems: Systems) -> None:
    """Events are a courtesy: a lost one is a warning in the log, never a reason to repeat the pass."""
    try:
        await systems.cluster.create(EVENT, _event(step, systems.now()))
    except AlreadyExists:
        return
    except ClusterError as error:
        systems.warn(f"Event {step.reason} on {step.kind} '{step.name}' was not recorded: {error}")


def _event(step: Tell, now: datetime) -> Manifest:
    moment = now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = sha256(f"{step.uid}\n{step.reason}\n{step.message}".encode()).hexdigest()[:16]
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": f"{step.name[:200].rstrip('-.')}.{digest}", "namespace": step.namespace},
        "involvedObject": {
            "apiVersion": step.kind.api_version,
            "kind": step.kind.kind,
            "name": step.name,
            "namespace": step.namespace,
            "uid": step.uid,
        },
        "type": step.type.value,
        "reason": step.reason,
        "message": step.message[:1000],
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def _controller(manifest: Manifest) -> str:
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((str(o.get("uid", "")) for o in owners if o.get("controller")), "")
