"""`python -m kelos.runner.pack OUT.pyz`: the runner and what it needs as one file for agent images."""

from __future__ import annotations

import py_compile
import stat
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import kelos

FOLDERS = ("agents", "outputs", "runner", "runner/preparation", "runner/execution")
FILES = (
    "__init__.py",
    "errors.py",
    "api/__init__.py",
    "api/checks.py",
    "api/names.py",
    "api/outcome.py",
    "api/reasons.py",
    "api/repository.py",
)
START = "import sys\n\nfrom kelos.runner.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"
MOMENT = (1980, 1, 1, 0, 0, 0)  # the same sources and Python give the same bytes


def pack(target: Path) -> None:
    """Write the file. Any Python from 3.10 on runs it; the one that packed it starts at once, from bytecode."""
    root = Path(kelos.__file__).parent
    paths = [root / name for name in FILES]
    paths += [path for folder in FOLDERS for path in sorted((root / folder).glob("*.py"))]
    entries = {"__main__.py": START.encode()}
    for path in paths:
        name = f"kelos/{path.relative_to(root)}"
        entries |= {name: path.read_bytes(), f"{name}c": _bytecode(path, name)}
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        stream.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(entries.items()):
                archive.writestr(zipfile.ZipInfo(name, MOMENT), content, zipfile.ZIP_DEFLATED)
    target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _bytecode(path: Path, name: str) -> bytes:
    """Compiled, and never compared with its source; another version of Python does not look at it."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "code.pyc"
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(path), str(target), name, doraise=True, invalidation_mode=mode)
        return target.read_bytes()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m kelos.runner.pack OUT.pyz", file=sys.stderr)
        return 2
    pack(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
