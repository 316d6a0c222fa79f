"""Pods made of shell scripts, and how they end."""

from typing import Any

from realcluster.client import Api
from realcluster.waiting import wait_for


class Pods:
    """The pods of one namespace, each made of shell scripts."""

    def __init__(self, api: Api, namespace: str, image: str) -> None:
        self.api, self.image = api, image
        self.namespace = namespace
        self.path = f"/api/v1/namespaces/{namespace}/pods"

    def container(self, script: str, name: str = "main", **more: Any) -> dict[str, Any]:
        return {"name": name, "image": self.image, "args": [script], **more}

    def spec(self, script: str, **more: Any) -> dict[str, Any]:
        defaults = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
        return {**defaults, "containers": [self.container(script)], **more}

    def start(self, spec: dict[str, Any], name: str = "pod", **metadata: Any) -> None:
        self.api.post(self.path, {"metadata": {"name": name, **metadata}, "spec": spec}).expect()

    def get(self, name: str = "pod") -> dict[str, Any]:
        return dict(self.api.get(f"{self.path}/{name}").expect())

    def log(self, name: str = "pod", **query: str | int | bool) -> str:
        return str(self.api.get(f"{self.path}/{name}/log", **query).expect())

    def end(self, name: str = "pod") -> dict[str, Any]:
        """Wait for the end of a pod; how its main container ended."""

        def look() -> dict[str, Any] | None:
            status = self.get(name)["status"]
            return status if status["phase"] in ("Succeeded", "Failed") else None

        status = wait_for(f"{name} to end", look, 60)
        main = next(one for one in status["containerStatuses"] if one["name"] == "main")
        return dict(main["state"]["terminated"])

    def await_log(self, text: str, name: str = "pod") -> None:
        def look() -> bool:
            answer = self.api.get(f"{self.path}/{name}/log")
            return answer.status == 200 and text in str(answer.body)

        wait_for(f"{name} to print {text}", look, 60)
