"""What a node needs beside Kubernetes, from the distribution's own packages.

Debian bookworm's containerd 1.6 is enough: it speaks the CRI v1 that kubelet 1.35 asks for. So there is no second suite
and nothing to compile; `nft` gets the libraries it was packaged with, for they need not be on the machine.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from realcluster.binaries import AssetsUnavailableError, Tell, is_program
from realcluster.packages import packages_folder, provide_packages, unpacked_environment

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
        return unpacked_environment(self.folder)

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
    packages = Packages(folder=packages_folder("node", environment))
    provide_packages(packages.folder, PACKAGES, packages.missing, tell)
    return packages
