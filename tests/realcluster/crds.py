"""Custom resources on a real server: applied, and waited for until they are served."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from .client import Api
from .waiting import wait_for

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def install_crds(api: Api, crds: Iterable[Mapping[str, Any]]) -> None:
    """Apply the definitions and return when every served version answers: that is a second after Established."""
    crds = list(crds)
    for crd in crds:
        api.apply(f"{PATH}/{crd['metadata']['name']}", crd, "kelos-tests", force=True).expect()
    for crd in crds:
        for path in served_paths(crd):
            wait_for(f"{path} to be served", partial(_answers, api, path))


def served_paths(crd: Mapping[str, Any]) -> list[str]:
    """The cluster-wide list of every served version of a definition."""
    spec = crd["spec"]
    served = [version["name"] for version in spec["versions"] if version["served"]]
    return [f"/apis/{spec['group']}/{version}/{spec['names']['plural']}" for version in served]


def _answers(api: Api, path: str) -> bool:
    return api.get(path, limit=1).status == 200
