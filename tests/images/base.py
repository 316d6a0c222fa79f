"""The Debian base: made with debootstrap, slimmed as the official slim images are, imported once."""

import shutil
from hashlib import sha256
from pathlib import Path

from .buildah import Buildah
from .machine import apt_mirrors, suite
from .tools import ImagesUnavailableError, Tell, run

DIGEST = sha256(Path(__file__).read_bytes()).hexdigest()[:12]
IMAGE = f"localhost/kelos-base:{DIGEST}"  # another way of making it is another base
KINDS = ("doc", "info", "locale", "man", "lintian")
UNNEEDED = (*(f"usr/share/{kind}" for kind in KINDS), "var/lib/apt/lists", "var/cache/apt")


def provide_base(buildah: Buildah, folder: Path, tell: Tell) -> str:
    """The name of the base image, which is there afterwards."""
    if buildah.has(IMAGE):
        return IMAGE
    release = suite()
    mirror = next((address for address, name in apt_mirrors() if name == release), None)
    if mirror is None:
        raise ImagesUnavailableError(
            f"apt on this machine reads no release '{release}', so there is no base to make: run apt-get update first"
        )
    tell(f"Making the base image from Debian {release} once, about a minute and a half.")
    rootfs = folder / "rootfs"
    shutil.rmtree(rootfs, ignore_errors=True)
    tools = buildah.tools
    command = [tools.debootstrap, "--variant=minbase", release, rootfs, mirror]
    run(command, env=tools.environment, log=folder / "debootstrap.log")
    _slim(rootfs)
    buildah.import_rootfs(IMAGE, rootfs)
    shutil.rmtree(rootfs)
    return IMAGE


def _slim(rootfs: Path) -> None:
    for name in UNNEEDED:
        shutil.rmtree(rootfs / name, ignore_errors=True)
        (rootfs / name).mkdir(parents=True)
    rules = "".join(f"path-exclude /usr/share/{kind}/*\n" for kind in KINDS)
    (rootfs / "etc/dpkg/dpkg.cfg.d/kelos-slim").write_text(rules)
    # Which mirror this machine uses is nothing that an image should know.
    (rootfs / "etc/apt/sources.list").write_text("")
    for name in ("etc/resolv.conf", "etc/hostname"):
        (rootfs / name).unlink(missing_ok=True)
    for log in (rootfs / "var/log").rglob("*"):
        if log.is_file():
            log.unlink()
