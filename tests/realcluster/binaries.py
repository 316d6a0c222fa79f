"""Where the Kubernetes programs are: a given folder, or a cache outside the checkout that is filled once."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KUBERNETES_VERSION = "v1.35.4"
ASSETS_VARIABLE = "KELOS_TEST_ASSETS"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
NODE_PROGRAMS = ("kube-scheduler", "kubelet", "kube-proxy")  # only `tests/realnode` asks for them

Tell = Callable[[str], None]


class AssetsUnavailableError(Exception):
    """The programs cannot be had on this machine; the text says what is missing and what to install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """The programs of one control plane and its client."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that keeps the programs between runs; one per Kubernetes release."""
    root = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "kelos" / f"kubernetes-{KUBERNETES_VERSION}"


def missing_programs(folder: Path, names: Sequence[str] = PROGRAMS) -> list[str]:
    """The programs that `folder` lacks, or holds but may not be executed."""
    return [name for name in names if not is_program(folder / name)]


def is_program(path: Path) -> bool:
    """Whether the file can be executed; a dangling link cannot."""
    return path.is_file() and os.access(path, os.X_OK)


def find_binaries(environment: Mapping[str, str] = os.environ) -> Binaries | None:
    """The programs that are already there; a folder named by the environment must be complete."""
    folder = find_folder(PROGRAMS, environment)
    return _binaries(folder) if folder else None


def find_folder(names: Sequence[str], environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder that holds all these programs, when there is one."""
    if given := environment.get(ASSETS_VARIABLE):
        folder = Path(given).resolve()
        if missing := missing_programs(folder, names):
            raise AssetsUnavailableError(
                f"{ASSETS_VARIABLE} names {folder}, which has no executable {', '.join(missing)}: "
                f"add {'them' if len(missing) > 1 else 'it'}, or unset the variable to have everything built."
            )
        return folder
    folder = cache_folder(environment)
    return None if missing_programs(folder, names) else folder


def require_binaries(tell: Tell, environment: Mapping[str, str] = os.environ) -> Binaries:
    """The programs, provided now when this is the first time; raises `AssetsUnavailableError` when they cannot be."""
    return _binaries(require_folder(PROGRAMS, tell, environment))


def require_folder(names: Sequence[str], tell: Tell, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds all these programs, after building what it lacks."""
    if found := find_folder(names, environment):
        return found
    from .provide import provide  # building is rare; finding is every run

    folder = cache_folder(environment)
    provide(folder, names, tell)
    if missing := missing_programs(folder, names):
        raise AssetsUnavailableError(f"{folder} still has no {', '.join(missing)} after a build that reported success.")
    return folder


def find_kubectl(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The kubectl of the tests, when it was provided already; tests that need only kubectl start with this."""
    for folder in (environment.get(ASSETS_VARIABLE), cache_folder(environment)):
        if folder and is_program(Path(folder) / "kubectl"):
            return Path(folder) / "kubectl"
    return None


def on_path(name: str) -> Path | None:
    """The program of that name on PATH."""
    found = shutil.which(name)
    return Path(found) if found else None


def _binaries(folder: Path) -> Binaries:
    return Binaries(
        etcd=folder / "etcd",
        kube_apiserver=folder / "kube-apiserver",
        kube_controller_manager=folder / "kube-controller-manager",
        kubectl=folder / "kubectl",
    )
