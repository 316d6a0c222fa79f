"""The Pythons on this machine on which the Action and the runner must work: ours, and the oldest one where it is found.

`make check` reads the same modules as Python 3.10 everywhere; this is to see them run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 10)


def pythons() -> list[str]:
    """Paths; the oldest is looked for on the PATH and where pyenv and uv keep theirs."""
    word = ".".join(map(str, OLDEST))
    homes = (Path.home() / ".pyenv/versions", Path.home() / ".local/share/uv/python")
    kept = [str(path) for home in homes for path in home.glob(f"*{word}*/bin/python3")]
    found = [python for python in (shutil.which(f"python{word}"), *kept) if python and _is_oldest(python)]
    return [sys.executable, *found[:1]]


def _is_oldest(python: str) -> bool:
    """A shim may stand there for a Python that is not chosen."""
    command = [python, "-I", "-c", f"import sys; sys.exit(sys.version_info[:2] != {OLDEST})"]
    try:
        return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
