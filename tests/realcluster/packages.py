"""Programs of the distribution's own packages: unpacked into the cache, never installed.

They run beside whatever the machine has: their libraries come with them, and nothing of the machine is changed.
"""

import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .binaries import AssetsUnavailableError, Tell, cache_folder
from .gobuild import lock

LIBRARIES = ("usr/lib", "lib")
PROGRAMS = ("usr/sbin", "usr/bin")
SYSTEM_PATH = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")


def packages_folder(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the packages of one purpose lie, for this release of the distribution."""
    system = platform.freedesktop_os_release()
    release = f"{system['ID']}-{system.get('VERSION_CODENAME', 'unstable')}"
    return cache_folder(environment).parent / f"{name}-{release}"


def provide_packages(
    folder: Path,
    packages: Sequence[str],
    missing: Callable[[], list[str]],
    tell: Tell,
    finish: Callable[[], None] = lambda: None,
) -> None:
    """Unpack the packages, then `finish`, unless nothing is `missing`; `AssetsUnavailableError` if it still is."""
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder, tell):
        if missing():
            tell(f"Fetching {', '.join(packages[:6])} and what they need once, into {folder}.")
            _unpack(folder, packages)
            finish()
    if left := missing():
        raise AssetsUnavailableError(f"{folder} has no {', '.join(left)} after its packages were unpacked.")


def unpacked_environment(folder: Path) -> dict[str, str]:
    """PATH and LD_LIBRARY_PATH, with which the unpacked programs find each other and their libraries."""
    triple = f"{platform.machine()}-linux-gnu"
    return {
        "PATH": os.pathsep.join([*(str(folder / name) for name in PROGRAMS), *SYSTEM_PATH]),
        "LD_LIBRARY_PATH": os.pathsep.join(str(folder / name / triple) for name in LIBRARIES),
    }


def _unpack(folder: Path, packages: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="kelos-packages-") as place:
        downloads = Path(place)
        download = ["download", *packages]
        if _run(["apt-get", "-qq", *download], downloads):
            # This machine has no package lists, as in most containers: read them, for this download only.
            own = ["apt-get", "-qq", *_own_lists(downloads)]
            if said := _run([*own, "update"], downloads) or _run([*own, *download], downloads):
                raise AssetsUnavailableError(
                    "Packages of this distribution are needed; make its mirror reachable for "
                    f"`apt-get {' '.join(download)}`, which said:\n{said}"
                )
        for package in sorted(downloads.glob("*.deb")):
            if said := _run(["dpkg", "-x", str(package), str(folder)], downloads):
                raise AssetsUnavailableError(f"{package.name} cannot be unpacked into {folder}:\n{said}")


def _own_lists(folder: Path) -> list[str]:
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}"]


def _run(command: Sequence[str], folder: Path) -> str:
    """What the command said if it failed, else nothing."""
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if answer.returncode == 0 else (answer.stderr.strip()[-1500:] or f"exit code {answer.returncode}")
