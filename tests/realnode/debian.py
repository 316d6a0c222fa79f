"""What a node needs beside Kubernetes, from the distribution's own packages: unpacked into the cache, never installed.

Debian bookworm's containerd 1.6 is enough: it speaks the CRI v1 that kubelet 1.35 asks for. So there is no second suite
and nothing to compile; `nft` gets the libraries it was packaged with, for they need not be on the machine.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realcluster.binaries import AssetsUnavailableError, Tell, cache_folder, is_program
from realcluster.provide import lock

PACKAGES = (
    *("containerd", "runc", "libseccomp2", "containernetworking-plugins", "catatonit", "busybox-static"),
    *("nftables", "libnftables1", "libnftnl11", "libmnl0", "libxtables12", "libjansson4"),
    *("libedit2", "libbsd0", "libmd0", "libgmp10", "libtinfo6"),
)
# What the machine itself must have: nodes are made of these before anything is unpacked.
TOOLS = {"ip": "iproute2", "unshare": "util-linux", "mount": "mount", "dpkg": "dpkg", "apt-get": "apt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """The unpacked packages; below `folder` they lie as on a machine."""

    folder: Path

    @property
    def containerd(self) -> Path:
        return self.folder / "usr/bin/containerd"

    @property
    def ctr(self) -> Path:
        return self.folder / "usr/bin/ctr"

    @property
    def runc(self) -> Path:
        return self.folder / "usr/sbin/runc"

    @property
    def nft(self) -> Path:
        return self.folder / "usr/sbin/nft"

    @property
    def plugins(self) -> Path:
        return self.folder / "usr/lib/cni"

    @property
    def catatonit(self) -> Path:
        return self.folder / "usr/bin/catatonit"

    @property
    def busybox(self) -> Path:
        return next((path for path in self._busyboxes() if is_program(path)), self.folder / "bin/busybox")

    @property
    def environment(self) -> dict[str, str]:
        """With which the unpacked programs find each other and their libraries."""
        folders = [self.folder / "usr/sbin", self.folder / "usr/bin"]
        path = os.pathsep.join([*map(str, folders), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])
        triple = f"{platform.machine()}-linux-gnu"
        return {
            "PATH": path,
            "LD_LIBRARY_PATH": f"{self.folder / 'usr/lib' / triple}:{self.folder / 'lib' / triple}",
        }

    def missing(self) -> list[str]:
        """The programs that are not there."""
        plugins = [self.plugins / name for name in ("bridge", "host-local", "loopback")]
        programs = [self.containerd, self.ctr, self.runc, self.nft, self.catatonit, self.busybox, *plugins]
        return [path.name for path in programs if not is_program(path)]

    def _busyboxes(self) -> tuple[Path, ...]:
        return (self.folder / "bin/busybox", self.folder / "usr/bin/busybox")


def require_packages(tell: Tell, environment: Mapping[str, str] = os.environ) -> Packages:
    """The packages, fetched now when this is the first time; raises `AssetsUnavailableError` with what to install."""
    if missing := sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)}):
        raise AssetsUnavailableError(f"A node needs {', '.join(TOOLS)}: apt-get install {' '.join(missing)}.")
    system = platform.freedesktop_os_release()
    root = cache_folder(environment).parent
    packages = Packages(folder=root / f"node-{system['ID']}-{system.get('VERSION_CODENAME', 'unstable')}")
    packages.folder.mkdir(parents=True, exist_ok=True)
    with lock(packages.folder, tell):
        if packages.missing():
            tell(f"Fetching {', '.join(PACKAGES[:6])} and nftables (40 MB) once, into {packages.folder}.")
            _unpack(packages.folder)
    if missing := packages.missing():
        raise AssetsUnavailableError(f"{packages.folder} has no {', '.join(missing)} after its packages were unpacked.")
    return packages


def _unpack(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="kelos-packages-") as place:
        downloads = Path(place)
        download = ["download", *PACKAGES]
        if _run(["apt-get", "-qq", *download], downloads):
            # This machine has no package lists, as in most containers: read them, for this download only.
            own = ["apt-get", "-qq", *_own_lists(downloads)]
            if said := _run([*own, "update"], downloads) or _run([*own, *download], downloads):
                raise AssetsUnavailableError(
                    "A node needs packages of this distribution; make its mirror reachable for "
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
