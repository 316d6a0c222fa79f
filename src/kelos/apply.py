"""The only place where a Plan becomes deeds."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from typing import Protocol, assert_never

from kelos.api.kinds import EVENT, SECRET, TASK_RECORD, Kind, Manifest
from kelos.api.names import ANNOTATION_TOKEN_EXPIRES, FIELD_MANAGER, KEY_GITHUB_TOKEN
from kelos.clients.github_app import Grant, Token
from kelos.cluster.protocol import Cluster
from kelos.errors import (
    AlreadyExists,
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    KelosError,
    NotFound,
    TokenUnavailable,
)
from kelos.plan import (
    AddFinalizer,
    Create,
    Delete,
    DropFinalizer,
    Mint,
    Patch,
    Plan,
    Record,
    Replace,
    SetStatus,
    Step,
    Tell,
    Try,
)


class Tokens(Protocol):
    """GitHub, as far as it exchanges an App's key for tokens. `app` is the Secret that holds the key."""

    async def mint(self, app: Manifest, grant: Grant) -> Token: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """The real systems that steps act on; without `tokens` nothing may be minted.

    `warn` hears of what was lost without harm, `learn` of each object whose status was written, as it is now,
    `recorded` of each TaskRecord that was not there before.
    """

    cluster: Cluster
    now: Callable[[], datetime]
    warn: Callable[[str], object] = lambda _: None
    learn: Callable[[Manifest], object] = lambda _: None
    tokens: Tokens | None = None
    recorded: Callable[[Manifest], object] = lambda _: None
    monotonic: Callable[[], float] = lambda: 0.0


class Taken(KelosError):
    """A child cannot be made: somebody else's object has its name."""

    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(f"{kind} '{name}' exists and belongs to somebody else")
        self.kind = kind
        self.name = name


class Refused(KelosError):
    """The API server understood a Create or a Try and will not have it; trying again would not help."""

    def __init__(self, step: Create | Try, answer: Invalid | Forbidden) -> None:
        super().__init__(f"{step.kind} '{step.manifest['metadata']['name']}' was refused: {answer}")
        self.step = step
        self.answer = answer


async def apply(plan: Plan, systems: Systems, *, fresh_until: float = math.inf) -> None:
    """Do the steps in order; the first error ends the pass, to be tried again.

    Create and Try may raise Refused, Create and Mint Taken, Mint TokenUnavailable. Nothing is created after
    `fresh_until` on the monotonic clock: whoever slept for so long does not know whether somebody else made it, used
    it up and took it away.
    """
    for step in plan.steps:
        if isinstance(step, Create) and systems.monotonic() > fresh_until:
            raise Conflict(f"The view of {step.kind} '{step.manifest['metadata']['name']}' is too old to create it")
        await _do(step, systems)


async def _do(step: Step, systems: Systems) -> None:
    cluster = systems.cluster
    match step:
        case Try():
            await _try(step, cluster)
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
        case Mint():
            await _mint(step, systems)
        case AddFinalizer():
            await _add_finalizer(step, cluster)
        case Record(manifest=manifest):
            await _record(manifest, systems)
        case Tell():
            await _tell(step, systems)
        case _:
            assert_never(step)


async def _try(step: Try, cluster: Cluster) -> None:
    try:
        await cluster.create(step.kind, step.manifest, dry_run=True)
    except AlreadyExists:
        return
    except (Invalid, Forbidden) as answer:
        raise Refused(step, answer) from answer


async def _create(step: Create, cluster: Cluster) -> None:
    try:
        await cluster.create(step.kind, step.manifest)
    except AlreadyExists:
        meta = step.manifest["metadata"]
        there = await cluster.get(step.kind, meta.get("namespace"), meta["name"])
        if _controller(there) != _controller(step.manifest):
            raise Taken(step.kind, meta["name"]) from None
    except (Invalid, Forbidden) as answer:
        raise Refused(step, answer) from answer


async def _mint(step: Mint, systems: Systems) -> None:
    """Look first whose the Secret is: a token that cannot be kept is not asked for."""
    cluster, meta = systems.cluster, step.secret["metadata"]
    try:
        there: Manifest | None = await cluster.get(SECRET, step.namespace, meta["name"])
    except NotFound:
        there = None
    if there is not None and _controller(there) != _controller(step.secret):
        raise Taken(SECRET, meta["name"])
    if systems.tokens is None:
        raise TokenUnavailable("This controller has no way to GitHub; use a token", retry_in_seconds=600.0)
    try:
        app = await cluster.get(SECRET, step.namespace, step.app_secret)
    except NotFound:
        text = f"Secret '{step.app_secret}' with the GitHub App's key does not exist; create it"
        raise TokenUnavailable(text, retry_in_seconds=30.0) from None
    token = await systems.tokens.mint(app, Grant(api_url=step.api_url, repository=step.repository))
    annotations = {**meta["annotations"], ANNOTATION_TOKEN_EXPIRES: _moment(token.expires_at)}
    data = {"data": {KEY_GITHUB_TOKEN: b64encode(token.text.encode()).decode()}}
    if there is None:
        await cluster.create(SECRET, {**step.secret, "metadata": {**meta, "annotations": annotations}, **data})
        return
    seen = {key: there["metadata"][key] for key in ("uid", "resourceVersion")}
    body = {"metadata": {**seen, "annotations": annotations}, **data}
    await cluster.patch(SECRET, step.namespace, meta["name"], body, field_manager=FIELD_MANAGER)


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


async def _add_finalizer(step: AddFinalizer, cluster: Cluster) -> None:
    """Raises NotFound or Conflict when there is nothing left to hold: what follows must not be done then."""
    meta = (await cluster.get(step.kind, step.namespace, step.name))["metadata"]
    if meta["uid"] != step.uid or "deletionTimestamp" in meta:
        raise Conflict(f"{step.kind} '{step.name}' is gone or going")
    there = list(meta.get("finalizers") or ())
    if step.finalizer in there:
        return
    body = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": [*there, step.finalizer]}}
    await cluster.patch(step.kind, step.namespace, step.name, body, field_manager=FIELD_MANAGER)


async def _record(manifest: Manifest, systems: Systems) -> None:
    spec, namespace = manifest["spec"], manifest["metadata"]["namespace"]
    what = f"What Task '{spec['taskRef']['name']}' in namespace '{namespace}' used is not on record"
    try:
        await systems.cluster.create(TASK_RECORD, manifest)
        systems.recorded(manifest)
    except AlreadyExists:
        there = await systems.cluster.get(TASK_RECORD, namespace, manifest["metadata"]["name"])
        if there["spec"].get("usage") != spec["usage"]:
            systems.warn(f"{what} in full: a pod of it ended after its TaskRecord was written")
    except NotFound as error:
        text = f"{what}: the cluster does not know TaskRecords; install the definitions of Kelos"
        raise ClusterError(text, status=error.status) from error
    except Forbidden as error:
        if "being terminated" not in str(error):
            raise
        systems.warn(f"{what}: its namespace is being deleted")


async def _tell(step: Tell, systems: Systems) -> None:
    """Events are a courtesy: a lost one is a warning in the log, never a reason to repeat the pass."""
    try:
        await systems.cluster.create(EVENT, _event(step, systems.now()))
    except AlreadyExists:
        return
    except ClusterError as error:
        systems.warn(f"Event {step.reason} on {step.kind} '{step.name}' was not recorded: {error}")


def _event(step: Tell, now: datetime) -> Manifest:
    moment = _moment(now)
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


def _moment(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _controller(manifest: Manifest) -> str:
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((str(o.get("uid", "")) for o in owners if o.get("controller")), "")
