"""The Task controller at work on the server under test, with a played node that does what each prompt says."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import app_keys
from fakes.github_app import GitHub
from kelos.api.kinds import EVENT, POD, SECRET, TASK, Kind, Manifest
from kelos.api.names import FINALIZER_OUTCOME
from kelos.api.outcome import GitFacts, Outcome, Usage
from kelos.api.reasons import Reason
from kelos.clients.token_desk import TokenDesk
from kelos.cluster.access import Source, select
from kelos.cluster.client import HttpCluster, connect
from kelos.controllers.task import TaskController
from kelos.errors import Forbidden
from kelos.install import rbac
from kelos.install.controller import NAME
from kelos.outputs.document import encode_document
from kelos.settings import Settings
from realcluster.client import UnexpectedAnswerError
from realcluster.fake_node import FakeNode
from realcluster.rights import await_rights, service_account

from .servers import Server

PATIENCE_SECONDS = 60.0
USAGE = Usage(input_tokens=7, cost_usd="0.25")


class Counted:
    """A cluster that remembers what was written, and what its Role does not allow."""

    def __init__(self, cluster: HttpCluster) -> None:
        self._cluster = cluster
        self.writes: list[str] = []
        self.denied: list[str] = []

    def __getattr__(self, name: str) -> Any:
        deed = getattr(self._cluster, name)
        if name not in ("get", "list", "create", "replace", "patch", "delete"):
            return deed

        async def call(kind: Kind, *args: Any, **options: Any) -> Any:
            if name not in ("get", "list"):
                verb = "try" if options.get("dry_run") else name
                self.writes.append(f"status {_said(args)}" if options.get("subresource") else f"{verb} {kind}")
            try:
                return await deed(kind, *args, **options)
            except Forbidden as error:
                self.denied += [str(error)] if " cannot " in str(error) else []
                raise

        return call


def _said(arguments: tuple[Any, ...]) -> str:
    """What a status patch changes for a reader of the list."""
    status = arguments[-1]["status"]
    return f"{status.get('phase', 'of the same phase')}: {status.get('message')}"


class Silent:
    """A log for nobody: passes that failed are part of some tests."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *args, **fields: None


@dataclass
class TaskCluster:
    """What a test asks of the running cluster."""

    cluster: HttpCluster
    counted: Counted
    namespace: str
    node: FakeNode
    served: set[str] = field(default_factory=set)
    github: GitHub = field(default_factory=lambda: GitHub(app_keys.app()))

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        meta = {**manifest["metadata"], "namespace": self.namespace}
        return await self.cluster.create(kind, {**manifest, "metadata": meta})

    async def wait(self, name: str, is_there: Callable[[Manifest], bool]) -> Manifest:
        """The Task's status once it is as wanted."""
        return await self.until(f"Task '{name}'", lambda: self._status(name), is_there)

    async def ended(self, name: str = "fix-bug") -> Manifest:
        return await self.wait(name, lambda status: status.get("phase") in ("Succeeded", "Failed"))

    async def running(self, name: str = "fix-bug") -> Manifest:
        return await self.wait(name, lambda status: status.get("phase") == "Running")

    async def none_left(self, *kinds: Kind) -> None:
        """Wait until nothing that we made is left."""
        for kind in kinds:
            await self.until(f"no {kind}", lambda kind=kind: self._ours(kind), lambda found: not found)

    async def told(self, *reasons: str) -> None:
        """Wait until events have said all of this; they go out after the status."""

        async def look() -> set[str]:
            return {event["reason"] for event in (await self.cluster.list(EVENT, self.namespace)).items}

        await self.until(f"events {reasons}", look, lambda found: {*reasons} <= found)

    async def let_go(self) -> None:
        """Wait until no pod is held for its outcome: that is the last of what is done about an end."""

        async def look() -> list[str]:
            pods = await self._ours(POD)
            return [
                pod["metadata"]["name"] for pod in pods if FINALIZER_OUTCOME in pod["metadata"].get("finalizers", ())
            ]

        await self.until("the pods to be let go", look, lambda found: not found)

    async def token(self, name: str = "fix-bug") -> str:
        """What the Task's own token Secret holds."""
        secret = await self.cluster.get(SECRET, self.namespace, f"{name}-github-token")
        return base64.b64decode(secret["data"]["GITHUB_TOKEN"]).decode()

    async def _status(self, name: str) -> Manifest:
        status: Manifest = (await self.cluster.get(TASK, self.namespace, name)).get("status") or {}
        return status

    async def _ours(self, kind: Kind) -> list[Manifest]:
        page = await self.cluster.list(kind, self.namespace)
        return [m for m in page.items if kind is TASK or "kelos.dev/managed-by" in (m["metadata"].get("labels") or {})]

    async def until(self, what: str, look: Callable[[], Coroutine[Any, Any, Any]], is_there: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_there(found := await look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {PATIENCE_SECONDS:.0f} s for {what}; it is {found}")
            await asyncio.sleep(0.05)
        return found

    async def run_pods(self) -> None:
        """Serve every pod until cancelled."""
        page = await self.cluster.list(POD, self.namespace)
        changes = self.cluster.watch(POD, self.namespace, resource_version=page.resource_version)
        async for change in changes:
            if change.type in ("ADDED", "MODIFIED"):
                await asyncio.to_thread(self._serve, change.object)

    def _serve(self, pod: Manifest) -> None:
        meta, is_deleted = pod["metadata"], "deletionTimestamp" in pod["metadata"]
        is_over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        try:
            if is_deleted:
                if not is_over:
                    self._finish(pod, Outcome(reason=Reason.CANCELLED, message="stopped", usage=USAGE), 88)
                self.node.remove(pod)
            elif meta["uid"] not in self.served:
                self.served.add(meta["uid"])
                self.node.run(pod)
                self._obey(pod, str(pod["spec"]["containers"][0]["args"][0]))
        except UnexpectedAnswerError as error:
            if error.status not in (404, 409):
                raise

    def _obey(self, pod: Manifest, prompt: str) -> None:
        if prompt.startswith("succeed"):
            self._finish(pod, Outcome(git=GitFacts(branch="feature"), usage=USAGE), 0)
        elif prompt.startswith("fail"):
            self.fail(pod)

    def fail(self, pod: Manifest) -> None:
        """The agent of that pod ends, and says that something went wrong."""
        self._finish(pod, Outcome(reason=Reason.AGENT_ERROR, message="boom", usage=USAGE), 80)

    def _finish(self, pod: Manifest, outcome: Outcome, exit_code: int) -> None:
        self.node.finish(pod, exit_code=exit_code, message=encode_document(outcome).decode())


@asynccontextmanager
async def task_cluster(server: Server) -> AsyncIterator[TaskCluster]:
    """The Task controller and a node until the block ends; Job controller and garbage collector are the server's.

    On a real server the controller is nobody but itself: what its Role does not allow is denied.
    """
    admin = json.loads(server.kubeconfig.read_text())
    identity = _controller_identity(server, admin) if server.name == "real" else admin
    async with await _connect(admin) as cluster, await _connect(identity) as own:
        counted, node = Counted(own), FakeNode(server.api)
        node.register()
        running = TaskCluster(cluster=cluster, counted=counted, namespace=server.namespace, node=node)
        controller = TaskController(
            counted,  # type: ignore[arg-type]
            settings=Settings(),
            now=lambda: datetime.now(timezone.utc),
            monotonic=time.monotonic,
            log=Silent(),
            namespace=server.namespace,
            tokens=TokenDesk(
                app_keys.client(running.github),
                now=lambda: datetime.now(timezone.utc),
                monotonic=time.monotonic,
                chance=lambda: 0.0,
            ),
        )
        tasks = [asyncio.ensure_future(loop) for loop in (running.run_pods(), controller.run())]
        try:
            await controller.wait_synced()
            yield running
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [] == counted.denied


async def _connect(document: Manifest) -> HttpCluster:
    return await connect(select([Source(path="test", folder="/", document=document)]))


def _controller_identity(server: Server, admin: Manifest) -> Manifest:
    """A kubeconfig of the controller's ServiceAccount, with the Role that is installed with it."""
    accounts, rules = server.path("v1", "serviceaccounts"), rbac.rules()
    server.api.post(accounts, {"metadata": {"name": NAME}}).expect()
    server.api.post(server.path(rbac.API_VERSION, "roles"), rbac.role(NAME, server.namespace, rules)).expect()
    bound = rbac.binding(NAME, server.namespace, NAME, server.namespace)
    server.api.post(server.path(rbac.API_VERSION, "rolebindings"), bound).expect()
    await_rights(server.api, service_account(server.namespace, NAME), server.namespace, rules)
    token = server.api.post(f"{accounts}/{NAME}/token", {"spec": {}}).expect()["status"]["token"]
    return {**admin, "users": [{"name": user["name"], "user": {"token": token}} for user in admin["users"]]}
