"""One local plane for all of these tests, what lies in it, and a look at everything it says."""

import base64
import json
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fakes.git_server import GitServer
from kelos.api.kinds import AGENT_CONFIG, EVENT, JOB, POD, SECRET, TASK, WORKSPACE, Kind, Manifest
from kelos.api.names import LABEL_TASK
from realcluster.client import Api, connect
from realcluster.waiting import wait_for
from small_cluster import plane_process

from .doors import Doors

NAMESPACE = "default"
SLOTS = 6
GIT_TOKEN = "canary-of-the-repository-5e1f"
WRONG_TOKEN = "canary-that-opens-nothing-81c2"
OTHER_VALUE = "canary-of-the-environment-77aa"
CANARIES = (GIT_TOKEN, WRONG_TOKEN, OTHER_VALUE)
"""Values of secrets, to be found nowhere but in the Secrets."""


class Plane:
    """`kelos up --ephemeral`, the repositories beside it, and doors to it."""

    def __init__(self, folder: Path, kubeconfig: Path, repositories: GitServer, locked: GitServer) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig
        self.repositories = repositories
        self.locked = locked
        self.api: Api = connect(kubeconfig)
        self.doors = Doors(folder=folder, kubeconfig=kubeconfig)

    @property
    def log(self) -> str:
        return (self.folder / "plane.log").read_text(errors="replace")

    def make(self, kind: Kind, name: str, **content: Any) -> Manifest:
        """Create an object; what it holds stands beside its metadata."""
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, **content}
        return dict(self.api.post(kind.path(NAMESPACE), body).expect())

    def secret(self, name: str, **values: str) -> Manifest:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        return self.make(SECRET, name, type="Opaque", data=data)

    def workspace(self, name: str, *, repo: str = "", **spec: Any) -> Manifest:
        return self.make(WORKSPACE, name, spec={"repo": repo or self.repositories.url("shop"), **spec})

    def find(self, kind: Kind, name: str) -> Manifest | None:
        answer = self.api.get(kind.path(NAMESPACE, name))
        return None if answer.status == 404 else dict(answer.expect())

    def task(self, name: str) -> Manifest:
        return dict(self.api.get(TASK.path(NAMESPACE, name)).expect())

    def status(self, name: str) -> Manifest:
        return dict(self.task(name).get("status") or {})

    def until(self, name: str, **wanted: str) -> Manifest:
        """The Task's status once it says so."""

        def look() -> Manifest | None:
            found = self.find(TASK, name)
            status = (found or {}).get("status") or {}
            return status if all(status.get(key) == value for key, value in wanted.items()) else None

        return wait_for(f"Task '{name}' to be {wanted}", look, seconds=60)

    def events(self, name: str) -> list[Manifest]:
        found = self.api.get(EVENT.path(NAMESPACE)).expect()["items"]
        return [event for event in found if event["involvedObject"]["name"] == name]

    def texts(self, *kinds: Kind) -> str:
        """All objects of these kinds, as the API tells them."""
        return "\n".join(json.dumps(self.api.get(kind.path(NAMESPACE)).expect()) for kind in kinds)

    def texts_of(self, kind: Kind, task: str) -> str:
        """The objects that were made for a Task."""
        found = self.api.get(kind.path(NAMESPACE), labelSelector=f"{LABEL_TASK}={task}").expect()
        assert found["items"], f"there is no {kind} of Task '{task}'"
        return json.dumps(found)

    def everything_said(self) -> str:
        """All objects but the Secrets themselves, the logs of all pods, and the plane's own log."""
        texts = [self.log, self.texts(TASK, WORKSPACE, AGENT_CONFIG, JOB, POD, EVENT)]
        for pod in self.api.get(POD.path(NAMESPACE)).expect()["items"]:
            for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
                path = POD.path(NAMESPACE, pod["metadata"]["name"], "log")
                texts.append(str(self.api.get(path, container=container["name"]).body))
        return "\n".join(texts)


@contextmanager
def running_plane(folder: Path) -> Iterator[Plane]:
    """Repositories and plane; both are gone afterwards."""
    environment = Doors(folder=folder, kubeconfig=None).environment()
    with GitServer(folder / "git") as repositories, GitServer(folder / "locked", password=GIT_TOKEN) as locked:
        repositories.create("shop")
        locked.create("vault")
        with plane_process(folder, environment, "--pods", str(SLOTS), "--log-level", "debug") as kubeconfig:
            yield Plane(folder, kubeconfig, repositories, locked)


class CommandLines:
    """Looks again and again at the command lines of all processes, for the values of secrets."""

    def __init__(self, values: Iterable[str] = CANARIES) -> None:
        self._values = tuple(values)
        self.found: set[str] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "CommandLines":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes().decode(errors="replace")
                except OSError:
                    continue
                self.found.update(line for value in self._values if value in line)


def task_file(name: str, *, prompt: str = "say hello", workspace: str = "", **spec: Any) -> str:
    """A manifest for the demo agent, as a file holds it."""
    body: Manifest = {"type": "demo", "credentials": {"type": "none"}, "prompt": prompt, **spec}
    if workspace:
        body["workspaceRef"] = {"name": workspace}
    manifest = {"apiVersion": TASK.api_version, "kind": TASK.kind, "metadata": {"name": name}, "spec": body}
    return json.dumps(manifest)


def submit(plane: Plane, name: str, *, prompt: str = "say hello", inputs: Mapping[str, str] | None = None, **spec: Any):
    """The Action with a task-file of that name, followed to its end."""
    with tempfile.NamedTemporaryFile(dir=plane.folder, suffix=".json") as file:
        file.write(task_file(name, prompt=prompt, **spec).encode())
        file.flush()
        return plane.doors.action(task_file=Path(file.name).name, **(inputs or {}))
