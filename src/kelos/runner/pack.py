"""`python -m kelos.runner.pack OUT.pyz`: the runner and what it needs as one file for agent images."""

from __future__ import annotations

import stat
import sys
import zipfile
from pathlib import Path

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
    "pods/__init__.py",
    "pods/repository.py",
)
START = "import sys\n\nfrom kelos.runner.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"
MOMENT = (1980, 1, 1, 0, 0, 0)  # the same sources give the same bytes


def pack(target: Path) -> None:
    """Write the file; any Python from 3.10 on runs it."""
    root = Path(kelos.__file__).parent
    sources = {f"kelos/{name}": (root / name).read_text("utf-8") for name in FILES}
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*.py")):
            sources[f"kelos/{folder}/{path.name}"] = path.read_text("utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        stream.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted({**sources, "__main__.py": START}.items()):
                archive.writestr(zipfile.ZipInfo(name, MOMENT), text, zipfile.ZIP_DEFLATED)
    target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m kelos.runner.pack OUT.pyz", file=sys.stderr)
        return 2
    pack(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
