"""Running other programs, and saying what is missing in one sentence."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realcluster.binaries import AssetsUnavailableError, is_program
from realcluster.packages import packages_folder, provide_packages, unpacked_environment

PACKAGES = (
    *("buildah", "debootstrap", "runc", "podman", "conmon", "patchelf"),
    *("libseccomp2", "libgpgme11", "libassuan0", "libgpg-error0", "libdevmapper1.02.1", "libselinux1", "libsubid4"),
    *("libglib2.0-0", "libsemanage2", "libsepol2", "libcap-ng0"),
)
LINKED = ("buildah", "podman", "conmon")
# What debootstrap calls, which every Debian has or installs with one command.
NEEDED = {"wget": "wget", "perl": "perl", "apt-get": "apt", "dpkg": "dpkg"}

Tell = Callable[[str], None]


class ImagesUnavailableError(Exception):
    """The images cannot be built on this machine; the text says why and what to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTools:
    """buildah, podman, debootstrap and runc, unpacked below `folder`."""

    folder: Path

    @property
    def buildah(self) -> Path:
        return self.programs / "buildah"

    @property
    def conmon(self) -> Path:
        return self.programs / "conmon"

    @property
    def programs(self) -> Path:
        """A folder for PATH, with buildah, podman and conmon only."""
        return self.folder / "programs"

    @property
    def debootstrap(self) -> Path:
        return self.folder / "usr/sbin/debootstrap"

    @property
    def runc(self) -> Path:
        return self.folder / "usr/sbin/runc"

    @property
    def environment(self) -> dict[str, str]:
        own = {"DEBOOTSTRAP_DIR": str(self.folder / "usr/share/debootstrap")}
        return {**os.environ, **unpacked_environment(self.folder), **own}

    def link(self) -> None:
        """Write into the programs where their libraries are: they start themselves anew with an empty environment."""
        libraries = self.environment["LD_LIBRARY_PATH"]
        self.programs.mkdir(exist_ok=True)
        for name in LINKED:
            command = [self.folder / "usr/bin/patchelf", "--force-rpath", "--set-rpath", libraries]
            run([*command, "--output", self.programs / name, self.folder / "usr/bin" / name], env=self.environment)

    def missing(self) -> list[str]:
        """The programs that are not there."""
        linked = [self.programs / name for name in LINKED]
        return [path.name for path in (*linked, self.debootstrap, self.runc) if not is_program(path)]


def require_tools(tell: Tell) -> BuildTools:
    """The tools, fetched now when this is the first time; raises `ImagesUnavailableError` with what to do."""
    if os.geteuid() != 0:
        raise ImagesUnavailableError("building images needs root, for mounts and owners: run as root")
    if absent := sorted({package for program, package in NEEDED.items() if not shutil.which(program)}):
        raise ImagesUnavailableError(f"images are built with {', '.join(NEEDED)}: apt-get install {' '.join(absent)}")
    tools = BuildTools(folder=packages_folder("build"))
    try:
        provide_packages(tools.folder, PACKAGES, tools.missing, tell, tools.link)
    except AssetsUnavailableError as error:
        raise ImagesUnavailableError(str(error)) from error
    return tools


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, log: Path | None = None) -> str:
    """Run a program to its end and return what it printed. All it said goes to `log`, the last of it into the error."""
    words = [str(word) for word in command]
    answer = subprocess.run(words, env=env, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if log is not None:
        log.write_text(f"{answer.stdout}\n{answer.stderr}")
    if answer.returncode != 0:
        last = "\n".join(f"{answer.stdout}\n{answer.stderr}".strip().splitlines()[-12:])
        raise ImagesUnavailableError(f"`{' '.join(words[:4])} …` failed with {answer.returncode}:\n{last}")
    return answer.stdout
