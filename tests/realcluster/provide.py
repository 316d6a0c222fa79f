"""etcd and the Kubernetes programs as one pinned Go module."""

from collections.abc import Sequence
from pathlib import Path

from . import gobuild
from .binaries import KUBERNETES_VERSION, Tell

PACKAGES = {
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    # A distribution's etcd may lack progress requests; the API server then serves no streaming lists and few bookmarks.
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
}

# On two cores with an empty build cache; what comes later profits from what came earlier.
BUILD_MINUTES = {
    "kubectl": 2,
    "etcd": 1,
    "kube-apiserver": 5,
    "kube-controller-manager": 2,
    "kube-scheduler": 1,
    "kube-proxy": 1,
    "kubelet": 2,
}


def _ldflags() -> str:
    """Without these the server calls itself v0.0.0 and clients misjudge what it can do."""
    package = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s", "-w", *(f"-X {package}.{key}={value}" for key, value in values.items())])


MODULE = gobuild.GoModule(
    folder=Path(__file__).parent / "go",
    title=f"Kubernetes {KUBERNETES_VERSION}",
    packages=PACKAGES,
    minutes=BUILD_MINUTES,
    ldflags=_ldflags(),
)


def provide(folder: Path, names: Sequence[str], tell: Tell) -> None:
    """Put what is missing of these into `folder`."""
    gobuild.provide(MODULE, folder, names, tell)
