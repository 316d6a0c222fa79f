"""The server under test as the suite sees it: raw HTTP, kubectl, and a namespace of its own."""

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realcluster.client import Answer, Api
from realcluster.waiting import wait_for

from .kinds import GROUP

WIDGETS = f"{GROUP}/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What kubectl said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server and one fresh namespace."""

    name: str
    api: Api
    namespace: str
    kubeconfig: Path
    kubectl_program: Path
    job_image: str
    """An image whose arguments say what a container does: `exit CODE [MESSAGE]` or `hang`."""
    run_pods: Callable[[], AbstractContextManager[object]]
    """Whatever has to be there for pods to run."""

    def path(self, version: str, *parts: str) -> str:
        """`path("batch/v1", "jobs", "a")` in our namespace."""
        return "/".join([prefix(version), "namespaces", self.namespace, *parts])

    def widgets(self, *parts: str) -> str:
        return self.path(WIDGETS, "widgets", *parts)

    def config_maps(self, *parts: str) -> str:
        return self.path("v1", "configmaps", *parts)

    def create_widget(self, name: str = "one", /, **spec: Any) -> dict[str, Any]:
        """A stored widget; size 1 unless the test says so."""
        return stored(self.api.post(self.widgets(), widget(name, **spec)))

    def create_config_map(self, name: str = "one", **metadata: Any) -> dict[str, Any]:
        return stored(self.api.post(self.config_maps(), config_map(name, **metadata)))

    def kubectl(self, *arguments: str, stdin: Any = None) -> Words:
        """Run kubectl in our namespace; anything but text is handed over as JSON."""
        text = stdin if stdin is None or isinstance(stdin, str) else json.dumps(stdin)
        done = subprocess.run(
            self.kubectl_command(*arguments),
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=self.kubectl_environment(),
        )
        return Words(code=done.returncode, out=done.stdout, err=done.stderr)

    def kubectl_command(self, *arguments: str) -> list[str]:
        return [str(self.kubectl_program), "--namespace", self.namespace, *arguments]

    def kubectl_environment(self) -> dict[str, str]:
        # Its discovery cache lies next to the kubeconfig: another run's must not be believed.
        home = str(self.kubeconfig.parent)
        return {"PATH": os.defpath, "HOME": home, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": f"{home}/cache"}

    def await_gone(self, path: str) -> None:
        """Wait until nothing is there any more."""
        wait_for(f"{path} to be gone", lambda: self.api.get(path).status == 404)


def prefix(version: str) -> str:
    """The root of an API version: `/api/v1`, or `/apis/batch/v1`."""
    return f"/api/{version}" if "/" not in version else f"/apis/{version}"


def stored(answer: Answer) -> dict[str, Any]:
    """The object that the server says it now holds."""
    return dict(answer.expect())


def widget(name: str = "one", /, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": WIDGETS, "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1, **spec}}


def config_map(name: str = "one", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"key": "value"},
    }


def owned_by(*owners: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """Owner references to these objects."""
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            **more,
        }
        for owner in owners
    ]


def causes(answer: Answer) -> set[tuple[str, str]]:
    """The (field, reason) pairs of a refusal."""
    listed = answer.body.get("details", {}).get("causes", [])
    return {(cause.get("field", ""), cause["reason"]) for cause in listed}


def names(listing: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in listing["items"]]
