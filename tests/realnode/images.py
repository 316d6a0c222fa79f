"""Images go into the node's containerd as archives: there is no registry."""

from pathlib import Path

from realcluster.waiting import wait_for

from .debian import Packages
from .oci import Image, write_image
from .private import run
from .settings import SANDBOX_IMAGE, containerd_socket

SEEN_BY_KUBELET = "io.cri-containerd.image=managed"


def load_archive(packages: Packages, node_folder: Path, archive: Path) -> list[str]:
    """Load every image of an archive; returns their names once the kubelet's side of containerd has them."""
    ctr = [str(packages.ctr), "--address", str(containerd_socket(node_folder)), "--namespace", "k8s.io", "images"]
    printed = run([*ctr, "import", "--snapshotter", "overlayfs", str(archive)])
    names = [line.split()[1] for line in printed.splitlines() if line.startswith("unpacking ")]

    def are_seen() -> bool:
        listed = run([*ctr, "list", *(f"name=={name}" for name in names)]).splitlines()
        return sum(SEEN_BY_KUBELET in line for line in listed) == len(names)

    wait_for(f"{', '.join(names)} to be seen by the kubelet", are_seen)
    return names


def load_sandbox(packages: Packages, node_folder: Path) -> None:
    """The image of every pod's first container, which only waits: Debian's catatonit does."""
    image = Image(name=SANDBOX_IMAGE, entrypoint=("/pause", "-P"), user="65535:65535")
    archive = write_image(node_folder / "pause.tar", image, [("pause", 0o755, packages.catatonit.read_bytes())])
    load_archive(packages, node_folder, archive)
