"""Files that change all at once: readers see the old set or the new one, never a mixture.

token ──▶ ..data/token        ..data ──▶ ..2/        a new set is a new folder and one renamed link
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from kelos.local.jobs.pod.files import File

CURRENT = "..data"


def write_files(folder: Path, files: Sequence[File]) -> bool:
    """Make the folder show exactly these files; whether anything changed."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    current = folder / CURRENT
    old = current.resolve() if current.is_symlink() else None
    if old is not None and _read(old) == {file.path: (file.content, file.mode) for file in files}:
        return False
    number = int(old.name.lstrip(".")) + 1 if old is not None else 1
    new = folder / f"..{number}"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o755)
    for file in files:
        _write(new / file.path, file)
    swap = folder / "..data_tmp"
    swap.unlink(missing_ok=True)
    swap.symlink_to(new.name)
    swap.rename(current)
    _link(folder, {file.path.partition("/")[0] for file in files})
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
    return True


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(file.content)
    path.chmod(file.mode)


def _link(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.is_symlink() and entry.name not in names:
            entry.unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{CURRENT}/{name}")


def _read(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in files}
