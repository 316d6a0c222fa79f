"""Files: written privately, copied without surprises, and never outside of where they belong."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from kelos.agents.protocol import ConfigFile, Copy


def write_config(file: ConfigFile) -> None:
    """Bring a configuration file to what it shall hold; nobody sees it half written."""
    path = Path(file.path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    existing = path.read_text("utf-8", "replace") if path.is_file() else ""
    write_private(path, file.render(existing).encode("utf-8", "surrogateescape"), file.mode)


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write beside and rename."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # left by a run that was killed: in a container every run has the same number
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def copy(item: Copy) -> None:
    """Copy a file, or a folder in place of what is there. Links are left behind: they may point anywhere."""
    source, target = Path(item.source), Path(item.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.is_file():
        target.unlink()
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        copy_folder(source, target)
    else:
        shutil.copyfile(source, target)


def copy_folder(source: Path, target: Path) -> None:
    """Copy regular files and folders; execute permission stays."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        if entry.is_symlink() or entry.name == ".git":
            continue
        if entry.is_dir():
            copy_folder(Path(entry.path), target / entry.name)
        elif entry.is_file():
            shutil.copyfile(entry.path, target / entry.name)
            is_program = entry.stat().st_mode & stat.S_IXUSR
            (target / entry.name).chmod(0o755 if is_program else 0o644)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all it holds; what is not there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def mounted_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Files of a mounted Secret by relative path. The kubelet keeps the real ones below names that begin with `..`."""
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(".."))
        for name in sorted(names):
            if not name.startswith(".."):
                path = Path(folder) / name
                yield path.relative_to(root).as_posix(), path


def write_inside(root: Path, relative: str, data: bytes) -> None:
    """Write a file below `root`. Raises ValueError when the path, or a link on its way, leads elsewhere."""
    parts = relative.split("/")
    if relative.startswith("/") or "\\" in relative or "\x00" in relative or any(p in ("", ".", "..") for p in parts):
        raise ValueError("it must be a plain relative path")
    if any(part.lower() == ".git" for part in parts):
        raise ValueError("it lies in git's own folder")
    base = Path(os.path.realpath(root))
    parent = Path(os.path.realpath(base.joinpath(*parts[:-1])))
    if parent != base and base not in parent.parents:
        raise ValueError("a link on the way leads out of the checkout")
    if any(part.lower() == ".git" for part in parent.relative_to(base).parts):
        raise ValueError("a link on the way leads into git's own folder")
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / parts[-1]
    if target.is_symlink() or target.is_fifo():  # the one leads elsewhere, the other waits for a reader
        target.unlink()
    target.write_bytes(data)
