"""A server's pod: sources of the tests in a ConfigMap, run by the runner image, behind a Service."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from kelos.api.kinds import Manifest
from realcluster.waiting import wait_for

from ..installation import PREFIX, TAG, Installation

TESTS = Path(__file__).parents[2]
PACK = "/servers/servers.pyz"
IMAGE = f"{PREFIX}/kelos-runner:{TAG}"
START = "import sys\n\nfrom e2e.servers.inside import main\n\nsys.exit(main(sys.argv[1:]))\n"
EMPTY = ("e2e/__init__.py", "e2e/servers/__init__.py")


class Server:
    """One running server. Its Service has the same ports as the pod."""

    def __init__(self, place: Installation, name: str, address: str) -> None:
        self._place, self._name, self.address = place, name, address

    def run(self, *command: str) -> str:
        """What a command in the pod prints."""
        return self._place.kubectl("exec", self._name, "--", *command)

    def told(self) -> list[Manifest]:
        """The lines it printed so far."""
        return [json.loads(line) for line in self._place.kubectl("logs", self._name).splitlines()]


def start_server(
    place: Installation, name: str, words: Sequence[str], sources: Sequence[str], ports: Mapping[int, int]
) -> Server:
    """Run `inside` with these words; `ports` leads from those of the Service to those of the pod."""
    config = {"binaryData": {"servers.pyz": b64encode(_pack(sources)).decode()}}
    service = {
        "selector": {"app": name},
        "ports": [{"name": f"p{port}", "port": port, "targetPort": target} for port, target in ports.items()],
    }
    created = {
        "configmaps": {"metadata": {"name": name}, **config},
        "services": {"metadata": {"name": name}, "spec": service},
        "pods": {"metadata": {"name": name, "labels": {"app": name}}, "spec": _pod(name, words, max(ports.values()))},
    }
    api, root = place.cluster.api, f"/api/v1/namespaces/{place.namespace}"
    answers = {kind: api.post(f"{root}/{kind}", body).expect() for kind, body in created.items()}

    def is_ready() -> bool:
        conditions = api.get(f"{root}/pods/{name}").expect()["status"].get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    wait_for(f"server '{name}'", is_ready, 60)
    return Server(place, name, answers["services"]["spec"]["clusterIP"])


def _pod(name: str, words: Sequence[str], port: int) -> Manifest:
    container = {
        "name": "server",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", PACK, *words],
        "env": [{"name": "PYTHONPATH", "value": "/kelos/runner.pyz"}],
        "volumeMounts": [{"name": "pack", "mountPath": "/servers"}],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
    }
    volume = {"name": "pack", "configMap": {"name": name}}
    return {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 0}


def _pack(sources: Sequence[str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", START)
        for name in EMPTY:
            archive.writestr(name, "")
        for pattern in ("e2e/servers/inside.py", *sources):
            for path in sorted(TESTS.glob(pattern)):
                archive.write(path, path.relative_to(TESTS))
    return target.getvalue()
