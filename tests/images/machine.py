"""The package clients' settings of this machine, laid out for the time of one build and mounted into it.

They reach a Dockerfile as build arguments that name files below a mount: neither a layer nor a file of ours has them.
"""

import ast
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT = "/mnt"  # every image has this empty folder
CERTIFICATES = "ca.crt"
ARGUMENTS = {
    "APT_CONFIG": f"{MOUNT}/apt.conf",
    "PIP_CONFIG_FILE": f"{MOUNT}/pip.conf",
    "NPM_CONFIG_USERCONFIG": f"{MOUNT}/npmrc",
}
APT_SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv")
PATHS_OF_THIS_MACHINE = ("cert", "find-links", "cache-dir", "cafile", "prefix", "nodedir", "cache", "globalconfig")


@contextmanager
def settings_folder() -> Iterator[Path]:
    """A private folder to mount at MOUNT; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kelos-images-") as private:
        folder = Path(private) / "settings"
        folder.mkdir(mode=0o755)
        _apt(folder)
        _pip(folder)
        _npm(folder)
        yield folder


def suite() -> str:
    """The release of this machine's Debian."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), "")


def apt_mirrors() -> list[tuple[str, str]]:
    """Every (address, release) that this machine's apt reads its main packages from."""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    found = [line.split() for line in _ask("apt-get", "indextargets", "--format", form, "Created-By: Packages")]
    return sorted({(words[0], words[1]) for words in found if len(words) == 3 and words[2] == "main"})


def _apt(folder: Path) -> None:
    sources = [f"deb {address} {release} main" for address, release in apt_mirrors()]
    (folder / "sources.list").write_text("\n".join(sources) + "\n")
    (folder / "none").mkdir()
    shown = [line for line in _ask("apt-config", "dump") if line.startswith(APT_SETTINGS)]
    ours = [f'Dir::Etc::sourcelist "{MOUNT}/sources.list";', f'Dir::Etc::sourceparts "{MOUNT}/none";']
    if Path("/etc/apt/auth.conf.d").is_dir():
        shutil.copytree("/etc/apt/auth.conf.d", folder / "auth.conf.d")
        ours.append(f'Dir::Etc::netrcparts "{MOUNT}/auth.conf.d";')
    (folder / "apt.conf").write_text("\n".join([*shown, *ours]) + "\n")


def _pip(folder: Path) -> None:
    values: dict[str, str] = {}
    for line in _ask("pip", "config", "list"):
        name, _, value = line.partition("=")
        values[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    _certificates(folder, values.get("cert", ""))
    kept = {name: value for name, value in values.items() if name not in PATHS_OF_THIS_MACHINE}
    if (folder / CERTIFICATES).exists():
        kept["cert"] = f"{MOUNT}/{CERTIFICATES}"
    lines = [f"{name} = {value}".replace("\n", "\n    ") for name, value in kept.items()]
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines]) + "\n")


def _npm(folder: Path) -> None:
    lines: list[str] = []
    for kind in ("globalconfig", "userconfig"):
        path = Path("".join(_ask("npm", "config", "get", kind)) or "/nothing")
        if path.is_file():
            lines += path.read_text().splitlines()
    _certificates(folder, os.environ.get("NODE_EXTRA_CA_CERTS", ""))
    lines = [line for line in lines if line.partition("=")[0].strip() not in PATHS_OF_THIS_MACHINE]
    if (folder / CERTIFICATES).exists():
        lines.append(f"cafile={MOUNT}/{CERTIFICATES}")
    (folder / "npmrc").write_text("\n".join([*lines, "update-notifier=false", "audit=false", "fund=false"]) + "\n")


def _certificates(folder: Path, source: str) -> None:
    if source and Path(source).is_file() and not (folder / CERTIFICATES).exists():
        shutil.copyfile(source, folder / CERTIFICATES)


def _ask(*command: str) -> list[str]:
    """The lines a client prints about its own settings; none when there is no such client."""
    if shutil.which(command[0]) is None:
        return []
    return subprocess.run(command, text=True, capture_output=True, check=False).stdout.splitlines()
